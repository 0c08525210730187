"""Write the pages that are made from code, and build the site: `python -m tests.documents`."""

import sys

from tests.documents.reference import DOCS, PAGES
from tests.documents.site import SITE, Broken, build

for name, make in PAGES.items():
    (DOCS / name).parent.mkdir(exist_ok=True)
    (DOCS / name).write_text(make(), encoding="utf-8")
try:
    build()
except Broken as error:
    sys.exit(str(error))
sys.stdout.write(f"Built: {SITE / 'index.html'}\n")
