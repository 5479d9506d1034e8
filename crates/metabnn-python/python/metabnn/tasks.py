"""Streams of tasks: what is learned one after the other, and what a network is judged by all along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from numbers import Integral
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from . import _metabnn
from ._arguments import whole
from ._settings import changes
from .data import Dataset

#: A test, by what it is: name, experience and samples, and how many like it come before it.
Column = tuple[str, str | None, str, int]


class Experience:
    """One task of a stream: its training samples.

    index: its place in the stream, counted from 0. name: "permutation 1", "mnist", "classes 0-4".
    """

    def __init__(self, split: _metabnn.Split, index: int, name: str, stream: _metabnn.Stream | None = None) -> None:
        self._split = split
        self._stream = stream
        self.index = index
        self.name = name

    @property
    def id(self) -> str:
        """What it is made of, as a name: the same samples in the same order of their values have the same one."""
        return self._split.id()

    @property
    def x(self) -> NDArray[Any]:
        """Its samples, as the network sees them: (samples, values) or, of images, (samples, rows, columns).

        In a permuted stream their values are in the task's order already. `Network.predict(x, task)` takes samples as
        they are in the data set; to it and to `evaluate`, give the experience itself.
        """
        return self._split.arrays()[0]

    @property
    def y(self) -> NDArray[np.uint8]:
        """Their labels, (samples,)."""
        return self._split.arrays()[1]

    def __len__(self) -> int:
        return len(self._split)

    def __repr__(self) -> str:
        return f"<Experience {self.index}, {self.name}: {len(self)} samples>"


class Test(NamedTuple):
    """A column of the accuracy matrix."""

    name: str
    samples: _metabnn.Split
    #: The `id` of the experience that it belongs to, if there is exactly one.
    experience: str | None

    @property
    def x(self) -> NDArray[Any]:
        """Its samples, as the network sees them: see `Experience.x`."""
        return self.samples.arrays()[0]

    @property
    def y(self) -> NDArray[np.uint8]:
        """Their labels, (samples,)."""
        return self.samples.arrays()[1]


class Stream(Sequence[Experience]):
    """Experiences in the order in which they are learned, and the tests that belong to them."""

    def __init__(self, stream: _metabnn.Stream) -> None:
        self._stream = stream
        self.tests = [Test(*test) for test in stream.tests]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of a sample; of features (1, 1, features)."""
        return self._stream.shape

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self._stream.classes

    @property
    def permutations(self) -> list[NDArray[np.uint32] | None]:
        """For each test, the order of its values: input i is value order[i] of the sample."""
        return self._stream.permutations()

    def __len__(self) -> int:
        return len(self._stream)

    @overload
    def __getitem__(self, index: int) -> Experience: ...
    @overload
    def __getitem__(self, index: slice) -> list[Experience]: ...
    def __getitem__(self, index: int | slice) -> Experience | list[Experience]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        try:
            at = range(len(self))[index]
        except IndexError:
            raise IndexError(f"there is no experience {index}: the stream has {len(self)}, counted from 0") from None
        except TypeError:
            raise TypeError(f"an experience has a whole number or a slice, not {index!r}") from None
        split = self._stream.phase(at)
        return Experience(split, at, split.name or f"part {at + 1}", self._stream)

    def __iter__(self) -> Iterator[Experience]:
        return (self[at] for at in range(len(self)))

    @cached_property
    def _columns(self) -> list[Column]:
        """What tells its tests from those of other streams."""
        columns: list[Column] = []
        for test in self.tests:
            key = (test.name, test.experience, test.samples.id())
            columns.append((*key, sum(column[:3] == key for column in columns)))
        return columns

    def _column(self, experience: str) -> int | None:
        """The test of an experience, counted from 0, if it has exactly one."""
        own = [column for column, test in enumerate(self.tests) if test.experience == experience]
        return own[0] if len(own) == 1 else None

    def __repr__(self) -> str:
        return f"<Stream: {len(self)} experiences, {len(self.tests)} tests, {self.classes} classes>"


def as_stream(stream: Stream | Dataset) -> Stream:
    """A stream; of a data set, the one of its samples as they are, with its test."""
    if isinstance(stream, Dataset):
        return sequence(stream)
    if not isinstance(stream, Stream):
        raise TypeError(f"stream: a stream of metabnn.tasks or a data set of metabnn.data, not {type(stream).__name__}; "
                        f"Network.evaluate takes arrays, experiences and tests")
    return stream


def _stream(sets: Sequence[Dataset], settings: dict[str, Any]) -> Stream:
    for one in sets:
        if not isinstance(one, Dataset):
            raise TypeError(f"a data set of metabnn.data, not {type(one).__name__}")
    return Stream(_metabnn.Stream(changes(settings), [one._set for one in sets]))


def permuted(data: Dataset, count: int = 6, *, seed: int = 0) -> Stream:
    """`count` tasks, each the same samples with their values in another fixed order drawn from `seed`."""
    return _stream([data], {"tasks.stream": "permuted", "tasks.count": count, "seed": seed})


def sequence(*data: Dataset | Sequence[Dataset]) -> Stream:
    """One data set after the other; smaller images are padded with black to the largest.

    A set may come again: it is the same experience then, learned once more, and has one test.
    """
    sets: list[Any] = [one for given in data for one in (given if isinstance(given, (list, tuple)) else [given])]
    names = [getattr(one, "name", "") for one in sets]
    return _stream(sets, {"tasks.stream": "sequence", "tasks.count": len(sets), "data.sets": names})


def subsets(data: Dataset, count: int = 60, *, seed: int = 0) -> Stream:
    """One data set in `count` random parts that are seen one after the other; one test for all. No boundaries."""
    return _stream([data], {"tasks.stream": "subsets", "tasks.count": count, "tasks.scenario": "domain", "seed": seed})


def interleaved(data: Dataset, count: int = 6, *, seed: int = 0) -> Stream:
    """The tasks of `permuted` all at once, shuffled: the upper bound."""
    return _stream([data], {"tasks.stream": "interleaved", "tasks.count": count, "seed": seed})


def classes(data: Dataset, groups: int | Iterable[Iterable[int]] = 2) -> Stream:
    """The classes of one data set in groups that are learned one after the other: a number of groups, or the groups."""
    given: dict[str, Any] = {"tasks.count": groups}
    if not isinstance(groups, Integral):
        listed = [_group(group) for group in _listed(groups)]
        given = {"tasks.classes": listed, "tasks.count": len(listed)}
    return _stream([data], {"tasks.stream": "classes", **given})


def _listed(groups: Any) -> list[Any]:
    if not isinstance(groups, Iterable) or isinstance(groups, (str, bytes, Mapping, AbstractSet)):
        raise TypeError(f"groups: a number of groups, or groups of classes such as [[0, 1], [2, 3]], not {groups!r}")
    return list(groups)


def _group(group: Any) -> list[int]:
    if isinstance(group, AbstractSet):
        group = sorted(group)
    return [whole("groups", one, 0, 255) for one in _listed(group)]
