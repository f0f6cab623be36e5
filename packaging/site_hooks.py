"""Hooks of mkdocs: pages from outside docs/, and links that lead out of it.

In the repository a page links to its neighbours by their paths, and that is how people read them
there. On the site, the pages of :data:`PAGES` have names of their own, and other files that are
linked to, such as a unit or a list of settings, are copied to ``files/``. A link to what does not
exist ends a strict build.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

logger = logging.getLogger("mkdocs.plugins.site_hooks")

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security-policy.md",
    "training/README.md": "training.md",
    "training/SPEECH.md": "speech.md",
}
"""Path in the repository to path on the site; what lies in docs/ keeps its name."""
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
"""A link in Markdown: opening, target, fragment with the closing bracket."""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/, and the files that pages link to."""
    for source, place in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=text))
    linked = set[str]()
    for file in files.documentation_pages():
        linked |= {one for one in _targets(file) if (ROOT / one).is_file()}
    for target in sorted(linked):
        if not target.startswith("docs/") and target not in PAGES:
            found = File.generated(config, f"files/{target}", content=(ROOT / target).read_bytes())
            files.append(found)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 -- mkdocs' signature
    """Make the links of a page those of the site."""
    here = _source(page.file)

    def mended(match: re.Match[str]) -> str:
        target = match[2]
        if "://" in target or target.startswith("mailto:"):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        if (ROOT / path).is_dir():
            logger.warning("%s links to the folder %s: name a file in it", here, path)
        return f"{match[1]}{_place(path)}{match[3]}"

    return LINK.sub(mended, markdown)


def _source(file: File) -> str:
    """Return where a page of the site lies in the repository."""
    outside = {place: source for source, place in PAGES.items()}
    return outside.get(file.src_uri, f"docs/{file.src_uri}")


def _place(path: str) -> str:
    """Return where a file of the repository lies on the site, whose pages all lie at its top."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return PAGES.get(path, f"files/{path}")


def _targets(file: File) -> set[str]:
    """Return what a page links to, as paths in the repository."""
    here = posixpath.dirname(_source(file))
    links = [match[2] for match in LINK.finditer(file.content_string)]
    return {posixpath.normpath(posixpath.join(here, one)) for one in links if "://" not in one}
