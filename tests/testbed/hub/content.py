"""Files of a repository: small ones in memory, weights as a true header and a body of zeros that is never
stored.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

CHUNK = 1024 * 1024
LFS_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".onnx", ".msgpack", ".h5")
LFS_FROM = 10 * 1024 * 1024
"""Bytes; a larger file must be in LFS on the Hub."""
_BITS = {"F64": 64, "I64": 64, "F32": 32, "I32": 32, "BF16": 16, "F16": 16, "I16": 16, "F4": 4}


@dataclass(frozen=True)
class Content:
    """`head`, followed by zeros up to `size` bytes."""

    head: bytes
    size: int

    @property
    def sha256(self) -> str:
        """Of the whole file; for a sparse one, of its head and size (its zeros would take minutes)."""
        digest = hashlib.sha256(self.head)
        if self.size > len(self.head):
            digest.update(f"+{self.size}".encode())
        return digest.hexdigest()

    def is_lfs(self, path: str) -> bool:
        return path.endswith(LFS_SUFFIXES) or self.size >= LFS_FROM

    def oid(self, path: str) -> str:
        """The blob's name in git: that of the pointer for a file in LFS."""
        return git_object("blob", self.pointer() if self.is_lfs(path) else self.head)

    def etag(self, path: str) -> str:
        return self.sha256 if self.is_lfs(path) else self.oid(path)

    def pointer(self) -> bytes:
        """What git stores in place of a file in LFS (https://github.com/git-lfs/git-
        lfs/blob/main/docs/spec.md).
        """
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {self.size}\n"
        return text.encode()

    def read(self, start: int, end: int) -> bytes:
        """Bytes from `start` up to, not including, `end`."""
        end = min(end, self.size)
        real = self.head[start:end]
        return real + bytes(max(0, end - start - len(real)))

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, CHUNK):
            yield self.read(at, min(at + CHUNK, end))


def content(value: "bytes | Content") -> Content:
    return value if isinstance(value, Content) else Content(value, len(value))


def git_object(kind: str, data: bytes) -> str:
    """The 40 hex digits under which git stores an object."""
    header = f"{kind} {len(data)}\0".encode()
    return hashlib.sha1(header + data, usedforsecurity=False).hexdigest()


def sparse_safetensors(path: str, tensors: Mapping[str, tuple[str, Sequence[int]]]) -> dict[str, Content]:
    """`{path: file}` with a true header for tensors by name, as (dtype, shape), and zeros for weights."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (dtype, shape) in tensors.items():
        length = prod(shape) * _BITS.get(dtype, 8) // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + length]}
        offset += length
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)  # aligned, as the library writes it
    head = len(encoded).to_bytes(8, "little") + encoded
    return {path: Content(head, len(head) + offset)}


def tensor_types(file: Content) -> dict[str, int]:
    """Number of elements by dtype, as the Hub counts them when it looks at a safetensors file."""
    length = int.from_bytes(file.head[:8], "little")
    counts: dict[str, int] = {}
    for name, tensor in json.loads(file.head[8 : 8 + length]).items():
        if name != "__metadata__":
            counts[tensor["dtype"]] = counts.get(tensor["dtype"], 0) + prod(tensor["shape"])
    return counts
