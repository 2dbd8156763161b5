# SPDX-License-Identifier: GPL-2.0-only
"""C in kernel style, as far as needed to change a statement of it."""

import re

LOOPS = re.compile(r"(?:hl|l|h)?list_for_each\w*|for_each\w*|list_for_each\w*")
DECLARATION = re.compile(
    r"(?:(?:const|static|struct|enum|unsigned|signed|volatile)\s+)*"
    r"(?!return\b|goto\b|else\b|case\b)\w+(?:\s+\*+|\s+|\*+\s*)(?:const\s+)?\w+"
    r"(?:\s+__uninitialized)?\s*(?:=|;|,|\[)|(?:static\s+)?LIST_HEAD\(|DEFINE_\w+\(")


class Statement:
    """Where one is: kind, text[start:end], and what is in it.

    Of "if", "while" and "do" condition is the span of the condition; parts
    are the statements in it.
    """

    def __init__(self, kind, start, end, condition=None, parts=()):
        self.kind = kind
        self.start = start
        self.end = end
        self.condition = condition
        self.parts = list(parts)


def blank(text):
    """The same length, without comments, strings and the preprocessor's lines."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    text = re.sub(r"/\*.*?\*/|//[^\n]*", spaces, text, flags=re.S)
    text = re.sub(r'"(?:\\.|[^"\\\n])*"', lambda m: '"' + "_" * (len(m.group(0)) - 2) + '"',
                  text)
    text = re.sub(r"'(?:\\.|[^'\\\n])+'", lambda m: "'" + "_" * (len(m.group(0)) - 2) + "'",
                  text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", spaces, text, flags=re.M)


def matching(code, at):
    """Where the bracket closes that opens there"""
    pairs = {"(": ")", "{": "}", "[": "]"}
    depth = 0
    for i in range(at, len(code)):
        if code[i] in pairs:
            depth += 1
        elif code[i] in ")}]":
            depth -= 1
            if not depth:
                return i
    raise ValueError("a bracket does not close")


def skip(code, at):
    while code[at].isspace():
        at += 1
    return at


def word_at(code, at):
    match = re.compile(r"\w+").match(code, at)
    return match.group(0) if match else ""


def parse_headed(code, at, word):
    """An if, or a loop, with its head in brackets"""
    head = code.index("(", at)
    close = matching(code, head)
    body = parse(code, skip(code, close + 1))
    parts = [body]
    end = body.end
    if word == "if" and word_at(code, skip(code, end)) == "else":
        other = parse(code, skip(code, skip(code, end) + len("else")))
        parts.append(other)
        end = other.end
    kind = word if word in ("if", "while", "for") else "loop"
    return Statement(kind, at, end, (head + 1, close), parts)


def parse_do(code, at):
    body = parse(code, skip(code, at + len("do")))
    head = code.index("(", skip(code, body.end))
    close = matching(code, head)
    return Statement("do", at, code.index(";", close) + 1, (head + 1, close), [body])


def parse_block(code, at):
    parts, i, end = [], skip(code, at + 1), matching(code, at)
    while i < end:
        parts.append(parse(code, i))
        i = skip(code, parts[-1].end)
    return Statement("block", at, end + 1, None, parts)


def parse_simple(code, at):
    i = at
    while code[i] != ";":
        i = matching(code, i) + 1 if code[i] in "({[" else i + 1
    text = code[at:i + 1]
    word = word_at(code, at)
    if word in ("return", "goto", "break", "continue"):
        return Statement(word, at, i + 1)
    return Statement("declaration" if DECLARATION.match(text) else "simple", at, i + 1)


def parse(code, at):
    """The statement that begins there"""
    word = word_at(code, at)
    if code[at] == "{":
        return parse_block(code, at)
    if word in ("if", "while", "for", "switch") or LOOPS.fullmatch(word):
        return parse_headed(code, at, word)
    if word == "do":
        return parse_do(code, at)
    label = re.compile(r"(?:case\b[^:;{]*|default|\w+)\s*:(?!:)").match(code, at)
    if label:
        return Statement("label", at, label.end())
    return parse_simple(code, at)


def functions(code):
    """Each function: its name, its head, and its body as a statement"""
    for match in re.finditer(r"^\{", code, flags=re.M):
        before = max(code.rfind(mark, 0, match.start()) for mark in ";}")
        head = code[before + 1:match.start()]
        name = re.search(r"(\w+)\s*\(", head)
        if name and "=" not in head:
            yield name.group(1), head, parse_block(code, match.start())


def initialisers(code):
    """Each variable of a file that begins with something: its name, and where that is"""
    for match in re.finditer(r"^(?:static )?(?:const )?\w[\w \*]*?(\w+)(?:\[\w*\])* = ", code,
                             flags=re.M):
        end = match.end()
        while code[end] != ";":
            end = matching(code, end) + 1 if code[end] in "({[" else end + 1
        yield match.group(1), match.end(), end
