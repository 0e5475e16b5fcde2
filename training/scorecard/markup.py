"""HTML as a tree of elements, so that all text is escaped when the tree is written."""

from __future__ import annotations

from xml.etree.ElementTree import Element, tostring


def element(tag: str, *children: Element | str, **attributes: str) -> Element:
    """Return an element; ``class_`` becomes ``class``, other underscores for hyphens."""
    names = {name: "class" if name == "class_" else name.replace("_", "-") for name in attributes}
    made = Element(tag, {names[name]: value for name, value in attributes.items()})
    for child in children:
        if isinstance(child, str):
            _add_text(made, child)
        else:
            made.append(child)
    return made


def head(title: str, style: str, policy: str) -> Element:
    """Return the head of a page; ``policy`` says what it may load and run."""
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", style),
    )


def render(page: Element) -> str:
    """Write a whole document; the contents of ``style`` and ``script`` as they are."""
    return "<!doctype html>\n" + tostring(page, encoding="unicode", method="html") + "\n"


def _add_text(parent: Element, text: str) -> None:
    """Put text behind the last child, which is where the tree keeps it."""
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
