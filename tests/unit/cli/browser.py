"""A browser for $BROWSER: opens a URL, goes where it is sent, and keeps what it was sent to in $VISITED."""

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

sys.stdout.write("a browser chats on standard output\n")
try:
    page = urllib.request.urlopen(sys.argv[1], timeout=10)
except urllib.error.HTTPError as refused:
    page = refused  # a page like any other
with page, Path(os.environ["VISITED"]).open("a") as visited:
    visited.write(f"{page.url}\n{page.read().decode()}\n")
