"""Takes `wasi:sockets` out of a component.

CPython's `socket` module is linked into every component that componentize-py makes, so that each imports
`wasi:sockets` whether it opens a socket or not, and a Stepmill host loads no component that does. This puts a
component that implements those interfaces, and traps when they are called, in place of the imports; it is made of
`sdk/python/closed-sockets`.

A component is a list of sections whose items are numbered, a number space for each sort. Each import of
`wasi:sockets` becomes an alias of an export of the replacement, which takes the number that the import had. The
replacement itself is one component and one instance more, before the first of those imports: so all that has to be
rewritten are numbers of components and instances beyond it, which only aliases, instances and exports hold.

The binary format is that of the component model's `Binary.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

HEADER = b"\0asm\x0d\0\x01\0"
# Ids of the sections that matter here.
COMPONENT, INSTANCE, ALIAS, IMPORT, EXPORT = 4, 5, 6, 10, 11
# Sorts of items.
SORT_CORE, SORT_COMPONENT, SORT_INSTANCE = 0x00, 0x04, 0x05
PREFIX = "wasi:sockets/"


class UnexpectedComponent(Exception):
    """The component is not of the shape that componentize-py makes."""


@dataclass
class Section:
    """One section: its id and its content."""

    id: int
    content: bytes

    def encode(self) -> bytes:
        """The section as it stands in a file."""
        return bytes([self.id]) + leb(len(self.content)) + self.content


class Reader:
    """Reads a section and writes what it reads, with numbers changed on the way."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.out = bytearray()

    def byte(self) -> int:
        """Copies a byte."""
        value = self.data[self.at]
        self.at += 1
        self.out.append(value)
        return value

    def number(self, change: Callable[[int], int] = lambda value: value) -> int:
        """Copies an unsigned LEB128 number, changed."""
        value, self.at = read_leb(self.data, self.at)
        self.out += leb(change(value))
        return value

    def name(self) -> str:
        """Copies a string."""
        size = self.number()
        text = self.data[self.at : self.at + size]
        self.at += size
        self.out += text
        return text.decode()

    def extern_name(self) -> str:
        """Copies the name of an import or export."""
        if (form := self.byte()) not in (0x00, 0x01):
            raise UnexpectedComponent(f"a name of form {form}")
        return self.name()

    def is_at_end(self) -> bool:
        """Whether all is read."""
        return self.at == len(self.data)


@dataclass
class Renumber:
    """How numbers change beyond the place where the replacement went in."""

    components: int
    instances: int

    def component(self, index: int) -> int:
        """The new number of a component."""
        return index + 1 if index >= self.components else index

    def instance(self, index: int) -> int:
        """The new number of an instance."""
        return index + 1 if index >= self.instances else index

    def sort_index(self, reader: Reader) -> None:
        """Copies a sort and a number of that sort."""
        sort = reader.byte()
        if sort == SORT_CORE:
            reader.byte()
        change = {SORT_COMPONENT: self.component, SORT_INSTANCE: self.instance}.get(sort)
        reader.number(change) if change else reader.number()

    def aliases(self, reader: Reader) -> None:
        """Copies the items of a section of aliases."""
        for _ in range(reader.number()):
            if reader.byte() == SORT_CORE:
                reader.byte()
            match reader.byte():
                case 0x00:
                    reader.number(self.instance)
                    reader.name()
                case 0x01:
                    reader.number()
                    reader.name()
                case _:
                    raise UnexpectedComponent("an alias of an item outside the component")

    def instances_of(self, reader: Reader) -> None:
        """Copies the items of a section of instances."""
        for _ in range(reader.number()):
            if reader.byte() == 0x00:
                reader.number(self.component)
                for _ in range(reader.number()):
                    reader.name()
                    self.sort_index(reader)
            else:
                for _ in range(reader.number()):
                    reader.extern_name()
                    self.sort_index(reader)

    def exports(self, reader: Reader) -> None:
        """Copies the items of a section of exports."""
        for _ in range(reader.number()):
            reader.extern_name()
            self.sort_index(reader)
            if reader.byte() != 0x00:
                # The export's type: no instance is given one by number.
                raise UnexpectedComponent("an export with a type of its own")


def close_sockets(component: bytes, replacement: bytes | None = None) -> bytes:
    """The component without imports of `wasi:sockets`; as it is, if it has none."""
    if replacement is None:
        replacement = resources.files("stepmill.build").joinpath("closed-sockets.wasm").read_bytes()
    sections = read_sections(component)
    first = next((at for at, section in enumerate(sections) if is_socket_import(section)), None)
    if first is None:
        return component
    before, after = sections[:first], sections[first:]
    # An import's instance has the number of those before it.
    known = instances_by_name(before)
    renumber = Renumber(components=count(before, COMPONENT), instances=len(known))
    needed = [import_name(section) for section in read_sections(replacement) if section.id == IMPORT]
    if missing := [name for name in needed if name not in known]:
        raise UnexpectedComponent(f"its sockets come before {', '.join(missing)}")
    put_in = [Section(COMPONENT, replacement), instantiate(renumber.components, {name: known[name] for name in needed})]
    # The section of a nested component is the component itself.
    rest = [replace(section, renumber) for section in after]
    return HEADER + b"".join(section.encode() for section in [*before, *put_in, *rest])


def replace(section: Section, renumber: Renumber) -> Section:
    """What comes in place of a section that follows the replacement."""
    if is_socket_import(section):
        name = import_name(section).encode()
        target = bytes([SORT_INSTANCE, 0x00]) + leb(renumber.instances) + leb(len(name)) + name
        return Section(ALIAS, leb(1) + target)
    copy = {ALIAS: renumber.aliases, INSTANCE: renumber.instances_of, EXPORT: renumber.exports}.get(section.id)
    if copy is None:
        return section
    reader = Reader(section.content)
    copy(reader)
    if not reader.is_at_end():
        raise UnexpectedComponent(f"a section of kind {section.id} has more than its items")
    return Section(section.id, bytes(reader.out))


def instantiate(component: int, arguments: dict[str, int]) -> Section:
    """One instance of a component with instances as its imports."""
    content = leb(1) + b"\x00" + leb(component) + leb(len(arguments))
    for name, instance in arguments.items():
        encoded = name.encode()
        content += leb(len(encoded)) + encoded + bytes([SORT_INSTANCE]) + leb(instance)
    return Section(INSTANCE, content)


def instances_by_name(sections: list[Section]) -> dict[str, int]:
    """The numbers of the imported instances; there must be no other instances."""
    if count(sections, INSTANCE):
        raise UnexpectedComponent("instances among its imports")
    names = [import_name(section) for section in sections if section.id == IMPORT]
    return {name: number for number, name in enumerate(names)}


def is_socket_import(section: Section) -> bool:
    """Whether a section imports an interface of `wasi:sockets`."""
    return section.id == IMPORT and import_name(section).startswith(PREFIX)


def import_name(section: Section) -> str:
    """The name that a section imports; componentize-py writes one a section."""
    reader = Reader(section.content)
    if reader.number() != 1:
        raise UnexpectedComponent("several imports in one section")
    return reader.extern_name()


def count(sections: list[Section], of: int) -> int:
    """How many sections there are of a kind."""
    return sum(section.id == of for section in sections)


def read_sections(component: bytes) -> list[Section]:
    """The sections of a component."""
    if not component.startswith(HEADER):
        raise UnexpectedComponent("no component")
    sections, at = [], len(HEADER)
    while at < len(component):
        kind = component[at]
        size, start = read_leb(component, at + 1)
        at = start + size
        sections.append(Section(kind, component[start:at]))
    return sections


def read_leb(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def leb(value: int) -> bytes:
    """A number as unsigned LEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
