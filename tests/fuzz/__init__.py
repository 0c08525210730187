"""Whatever bytes come: `python -m tests.fuzz` throws them at the decoder and at every mapping."""
