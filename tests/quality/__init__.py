"""How well is found what customers repeat: annotated dialogues, structured and as text alone."""
