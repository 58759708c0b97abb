"""What an XML document means, apart from how it is written.

Two events are the same if their infosets are equal: elements, attributes and text, without
comments, instructions and the addressing (`marti`) that a relay takes away.
"""

import re
from xml.parsers import expat

_DECLARATION = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<\?xml\s.*?\?>", re.DOTALL)


def without_declaration(document):
    """The bytes after a byte order mark, blanks and the XML declaration."""
    return _DECLARATION.sub(b"", document, count=1).lstrip(b"\xef\xbb\xbf \t\r\n")


def infoset(document, ignore_times=False):
    """A comparable value. The declared encoding is not believed: the bytes are UTF-8."""
    root = ["", {}, []]
    path = [root]

    def opened(name, attributes):
        node = [name, attributes, []]
        path[-1][2].append(node)
        path.append(node)

    def closed(_):
        path.pop()

    def text(data):
        children = path[-1][2]
        if children and isinstance(children[-1], str):
            children[-1] += data
        else:
            children.append(data)

    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = text
    parser.Parse(without_declaration(document), True)
    event = root[2][0]
    _remove_addressing(event)
    for child in event[2]:
        if isinstance(child, list) and child[0] == "detail":
            _remove_addressing(child)
    if ignore_times:
        for name in ("time", "start", "stale"):
            event[1].pop(name, None)
    return event


def _remove_addressing(node):
    kept = []
    for child in node[2]:
        if isinstance(child, list) and child[0] == "marti":
            continue
        if isinstance(child, str) and kept and isinstance(kept[-1], str):
            kept[-1] += child
        else:
            kept.append(child)
    node[2] = kept


def find(event, *names):
    """The first element under the root with that path of names, or None."""
    node = event
    for name in names:
        for child in node[2]:
            if isinstance(child, list) and child[0] == name:
                node = child
                break
        else:
            return None
    return node
