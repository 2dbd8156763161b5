# SPDX-License-Identifier: GPL-2.0-only
"""The mistakes that are made: each gives other texts for a span of a file."""

import re

import source

# What is written in place of what; where one is tried for each place it is in
OPERATORS = {
    "==": "!=", "!=": "==", "<=": "<", ">=": ">", "<": "<=", ">": ">=",
    "&&": "||", "||": "&&", "+=": "-=", "-=": "+=", "++": "--", "--": "++",
    "+": "-", "-": "+", "<<": ">>", ">>": "<<",
}
OPERATOR = re.compile(r"(?<=[\w)\]] )(==|!=|<=|>=|<<|>>|&&|\|\||\+=|-=|<|>|\+|-)(?=[ \n])"
                      r"|(\+\+|--)")
NUMBER = re.compile(r"(?<![\w.])(?:0x[0-9a-f]+|\d+)(?=[uUlL]*\b)")
TRUTH = re.compile(r"\b(true|false)\b")

# Locks, each with what gives it back; both go.
LOCKS = (
    ("raw_spin_lock_irqsave", "raw_spin_unlock_irqrestore"),
    ("spin_lock_irqsave", "spin_unlock_irqrestore"),
    ("raw_spin_lock_irq", "raw_spin_unlock_irq"),
    ("spin_lock_irq", "spin_unlock_irq"),
    ("raw_spin_lock", "raw_spin_unlock"),
    ("spin_lock", "spin_unlock"),
    ("mutex_lock", "mutex_unlock"),
    ("rcu_read_lock", "rcu_read_unlock"),
    ("kernel_param_lock", "kernel_param_unlock"),
    ("local_irq_save", "local_irq_restore"),
    ("get_device", "put_device"),
)
LOCK_CALL = re.compile(r"(?:%s)\(" % "|".join(name for pair in LOCKS for name in pair))


# Says what holds, and does nothing: code that is right is the same without it.
ASSERTION = re.compile(r"lockdep_assert_held\(")

# What only reads or writes what is named in it; all else may do anything.
ACCESSORS = re.compile(r"\b(?:WRITE_ONCE|READ_ONCE|iopd_count|iopd_hist_add|INIT_LIST_HEAD|min|max"
                       r"|BIT|list_splice\w*|list_add\w*|list_del\w*)\s*\(")
CALL = re.compile(r"\b\w+\s*\(")
OPERAND = re.compile(r"\b[a-z]\w*(?:(?:->|\.)\w+)*(?![\w(])")


def depends(one, other):
    """May it matter which of these statements comes first?"""
    for code in (one, other):
        if CALL.search(ACCESSORS.sub("", code)):
            return True
    return bool(set(OPERAND.findall(one)) & set(OPERAND.findall(other)))


class Mutant:
    """One mistake: text in place of spans of a file, and what it is known by"""

    def __init__(self, name, function, kind, what, edits):
        self.file = name
        self.function = function
        self.kind = kind
        self.what = what
        self.edits = edits
        self.nth = 1

    def key(self):
        nth = "" if self.nth == 1 else " (%d)" % self.nth
        return "%s: %s: %s: %s%s" % (self.file, self.function, self.kind, self.what, nth)

    def apply(self, text):
        for start, end, new in sorted(self.edits, reverse=True):
            # As many lines as before, so that no other line gets a new number
            lost = text.count("\n", start, end) - new.count("\n")
            text = text[:start] + new + "\n" * max(lost, 0) + text[end:]
        return text


def flat(text):
    return " ".join(text.split())


class Finder:
    """All mistakes for a file"""

    def __init__(self, name, text):
        self.name = name
        self.text = text
        self.code = source.blank(text)
        self.found = []

    def add(self, function, kind, what, *edits):
        self.found.append(Mutant(self.name, function, kind, flat(what), edits))

    # One thing for another in a piece of code, which is shown as it becomes

    def replace(self, function, kind, piece, at, end, new):
        start, stop = piece
        shown = self.text[start:at] + "[" + self.text[at:end] + " > " + new + "]"
        self.add(function, kind, shown + self.text[end:stop], (at, end, new))

    def tokens(self, function, piece):
        start, stop = piece
        code = self.code[:stop]
        for match in OPERATOR.finditer(code, start):
            old = match.group(0)
            kind = "off by one" if old in ("<", ">", "<=", ">=") else "operator"
            self.replace(function, kind, piece, match.start(), match.end(), OPERATORS[old])
        for match in NUMBER.finditer(code, start):
            number = match.group(0)
            self.replace(function, "constant", piece, match.start(), match.end(),
                         "(%s + 1)" % number)
        for match in TRUTH.finditer(code, start):
            self.replace(function, "constant", piece, match.start(), match.end(),
                         "false" if match.group(0) == "true" else "true")

    def negate(self, function, statement):
        start, end = statement.condition
        self.add(function, "negate", "%s (%s)" % (statement.kind, self.text[start:end]),
                 (start, end, "!(" + self.text[start:end] + ")"))

    def negate_return(self, function, head, statement):
        start, end = statement.start + len("return "), statement.end - 1
        if re.search(r"\bbool\b[^(]*\(", head) and \
                self.code[start:end].strip() not in ("true", "false"):
            self.add(function, "negate", self.text[statement.start:statement.end],
                     (start, end, "!(" + self.text[start:end] + ")"))

    def drop(self, function, statement):
        text = self.text[statement.start:statement.end]
        if not LOCK_CALL.search(text) and not ASSERTION.match(text):
            self.add(function, "drop", text, (statement.start, statement.end, ";"))

    def swap(self, function, one, other):
        first = self.text[one.start:one.end]
        second = self.text[other.start:other.end]
        if ASSERTION.match(first) or ASSERTION.match(second):
            return
        if first != second and depends(self.code[one.start:one.end],
                                       self.code[other.start:other.end]):
            self.add(function, "swap", first + " / " + second,
                     (one.start, one.end, second), (other.start, other.end, first))

    def locks(self, function, body):
        code = self.code[body.start:body.end]
        for take, give in LOCKS:
            calls = list(re.finditer(r"(?<!\w)(?:%s|%s)\([^;]*;" % (take, give), code))
            if len(calls) > 1:
                self.add(function, "lock", take,
                         *((body.start + c.start(), body.start + c.end(), ";")
                           for c in calls))

    # What there is in a statement

    def statement(self, function, head, statement, nested):
        kind = statement.kind
        if kind in ("if", "while", "do"):
            self.negate(function, statement)
        if statement.condition:
            self.tokens(function, statement.condition)
        elif kind != "block":
            self.tokens(function, (statement.start, statement.end))
        if kind == "return":
            self.negate_return(function, head, statement)
        if kind == "simple" or nested and kind in ("return", "break", "continue"):
            self.drop(function, statement)
        for part in statement.parts:
            self.statement(function, head, part, nested or kind not in ("block",))
        for one, other in zip(statement.parts, statement.parts[1:]):
            if kind == "block" and one.kind == other.kind == "simple":
                self.swap(function, one, other)

    def find(self):
        for function, head, body in source.functions(self.code):
            self.statement(function, head, body, False)
            self.locks(function, body)
        for variable, start, end in source.initialisers(self.code):
            self.tokens(variable, (start, end))
        return self.number()

    def number(self):
        """Those that look the same are told apart by their order."""
        seen = {}
        for mutant in self.found:
            key = (mutant.function, mutant.kind, mutant.what)
            seen[key] = mutant.nth = seen.get(key, 0) + 1
        return self.found


def find(name, text):
    return Finder(name, text).find()
