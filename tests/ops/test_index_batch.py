"""functrans.ops.index_batch: indexing of batches, with indices that are batched or not."""

import numpy as np
import pytest

import functrans as ft
from functrans.errors import MissingRuleError, TracedValueError
from functrans.ops.index import getitem_p, index_add_p, scatter_p
from functrans.ops.index_batch import batched_index, chosen
from functrans.ops.index_template import ARRAY, DISTINCT, MASK, encode, may_repeat
from functrans.ops.update import index_set_p
from functrans.tracing.bind import bind
from functrans.transforms.vmap import vmap
from tests.ops.agreement import drawn
from tests.ops.batches import agree, check_batches, looped

RNG = np.random.default_rng(3)
X = drawn(RNG, 3, 4, 3, 5)
I = np.array([[0, 2], [-1, 1], [1, 1]])  # noqa: E741
J = np.array([[[1], [0]], [[2], [2]], [[-3], [1]]])
ONE = np.array([2, 0, -1])
MASKED = np.array([True, False, True, False])

at = ft.numpy.at

# How one example is indexed, by one array (or number) or by two.
ONE_INDEX = {
    "first": lambda i: np.s_[i],
    "with the rest": lambda i: np.s_[i, ...],
    "in the middle": lambda i: np.s_[:, i],
    "last": lambda i: np.s_[..., i],
    "beside an integer": lambda i: np.s_[:, 1, i],
    "apart from an integer": lambda i: np.s_[1, :, i],
    "apart from an integer before": lambda i: np.s_[i, :, 1],
    "behind a new axis": lambda i: np.s_[:, None, i, None],
    "new axis between": lambda i: np.s_[i, None, 1],
    "ellipsis between": lambda i: np.s_[i, ..., 1],
    "slices": lambda i: np.s_[::-1, i, 1:4:2],
    "beside a known array": lambda i: np.s_[:, i, np.array([[1, 0]])],
    "apart from a known array": lambda i: np.s_[np.array([3, 0]), :, i],
    "apart from a mask": lambda i: np.s_[MASKED, 1:, i],
    "beside a mask of two axes": lambda i: np.s_[np.eye(4, 3, dtype=bool) & MASKED[:, None], i],
}
TWO_INDICES = {
    "side by side": lambda i, j: np.s_[:, i, j],
    "apart": lambda i, j: np.s_[i, :, j],
    "all": lambda i, j: np.s_[i, j, i],
    "at the end": lambda i, j: np.s_[..., i, j],
}


@pytest.mark.parametrize("i", [ONE, J], ids=["numbers", "matrices"])
@pytest.mark.parametrize("name", ONE_INDEX)
def test_getitem(name, i):
    index = ONE_INDEX[name]
    check_batches(lambda x, i: at(x)[index(i)].get(), X, i)


@pytest.mark.parametrize("name", TWO_INDICES)
def test_getitem_by_two_arrays(name):
    index = TWO_INDICES[name]
    check_batches(lambda x, i, j: at(x)[index(i, j)].get(), X, I, J)
    check_batches(lambda x, i, j: at(x)[index(i, j)].get(), X, ONE, I)


def test_getitem_without_arrays_and_by_arrays_that_are_not_batched():
    for index in (1, np.s_[..., 0], np.s_[None, 1:, ::2], np.s_[1, :, I[0]], np.s_[:, MASKED[:3]], np.s_[I[0], J[0]]):
        check_batches(lambda x, index=index: x[index], X)


def test_an_unbatched_array_is_not_copied():
    table = np.broadcast_to(np.float64(1.5), (10**6, 10**6))  # it could not be
    assert np.array_equal(vmap(lambda i: at(table)[i, 1].get())(ONE), np.full(3, 1.5))


DISTINCTLY = {
    "row": lambda i: np.s_[i],
    "column": lambda i: np.s_[1:, i],
    "apart": lambda i: np.s_[1, :, i],
    "apart from an array": lambda i: np.s_[np.array([3, 0]), :, i],
}


@pytest.mark.parametrize("i", [ONE, np.array([[0, 2], [2, 1], [1, 0]])], ids=["numbers", "vectors"])
@pytest.mark.parametrize("method", ["set", "add"])
@pytest.mark.parametrize("name", DISTINCTLY)
def test_written(name, method, i):
    index = DISTINCTLY[name]
    room = np.shape(X[0][index(i[0])])
    for shape in {room, room[1:], (1, *room[1:])}:
        values = drawn(RNG, 3, *shape)
        check_batches(lambda x, v, i: getattr(at(x)[index(i)], method)(v), X, values, i)


@pytest.mark.parametrize("index", [np.s_[I[0]], np.s_[1, :, I[0]], np.s_[1:, 0], np.s_[..., MASKED[:3], 0]])
def test_written_at_an_index_that_is_not_batched(index):
    values = drawn(RNG, 3, *X[0][index].shape[1:])
    for method in ("set", "add"):
        check_batches(lambda x, v, method=method: getattr(at(x)[index], method)(v), X, values)


def test_repeated_entries_accumulate_within_an_example_and_across_examples():
    repeated = np.array([[1, 1], [0, 1], [2, 2]])
    check_batches(lambda x, v, i: at(x)[i].add(v), X, drawn(RNG, 3, 2, 3, 5), repeated)
    check_batches(lambda x, i: at(x)[i].get() ** 2, X, repeated)
    # Each example chooses one entry, all the same: the gradient in the shared array has them all.
    table = drawn(RNG, 4)
    same = np.array([2, 2, 1])
    found = ft.grad(lambda x: np.sum(vmap(lambda i: at(x)[i].get())(same)))(table)
    assert np.array_equal(found, [0.0, 1.0, 2.0, 0.0])


def test_the_last_of_several_values_stays_in_each_example():
    repeated = np.array([[1, 1], [0, 1], [2, 2]])
    check_batches(lambda x, v, i: at(x)[i].set(v), drawn(RNG, 3, 4), drawn(RNG, 3, 2), repeated)


def test_updates_at_one_batched_place():
    check_batches(lambda x, i: at(x)[i].multiply(3.0), X, ONE)
    check_batches(lambda x, i: at(x)[:, i].apply(np.sin), X, ONE)


def test_scatter_is_where_one_example_has_it():
    template = (ARRAY, (None, None, None), ARRAY)
    for values in (drawn(RNG, 3, 2, 3), drawn(RNG, 3, 3), drawn(RNG, 3)):
        check_batches(
            lambda v, i, j: bind(scatter_p, v, i, j, template=template, shape=(4, 3, 5)), values, I, I[::-1].copy()
        )


FOUR = np.array([[1, 0, 1, 0], [0, 1, 1, 0], [1, 1, 0, 0]], bool)
THREE = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], bool)
FIVE = np.array([[1, 1, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 1, 1]], bool)
WHOLE = (None, None, None)


@pytest.mark.parametrize(
    ("template", "masks"),
    [
        (((MASK, 2),), [FOUR]),
        ((WHOLE, (MASK, 2)), [THREE]),
        (((MASK, 2), WHOLE, (MASK, 2)), [FOUR, FIVE]),
        (((MASK, 4),), [FOUR[:, :, None] & np.array([True, True, False])]),
    ],
)
def test_masks_that_are_operands_have_as_many_true_entries_in_each_example(template, masks):
    values = [drawn(RNG, 3, *bind(getitem_p, X[0], *[m[0] for m in masks], template=template).shape)]
    check_batches(lambda x, *masks: bind(getitem_p, x, *masks, template=template), X, *masks)
    for primitive in (index_add_p, index_set_p):
        check_batches(lambda x, v, *masks, p=primitive: bind(p, x, v, *masks, template=template), X, *values, *masks)


def test_a_truth_value_as_an_index_is_not_batched():
    with pytest.raises(MissingRuleError, match="truth value"):
        vmap(lambda x, m: bind(getitem_p, x, m, template=((MASK, 1),)))(X, np.array([True, True, True]))
    with pytest.raises(TracedValueError, match="depends on the values of the mask"):
        vmap(lambda x, m: x[m])(X, FOUR)


@pytest.mark.parametrize("name", ONE_INDEX)
def test_chosen_foretells_where_arrays_choose(name):
    template, arrays = encode(ONE_INDEX[name](I[0]))
    place, width, rank = chosen(template, [a.ndim for a in arrays], 3)
    assert rank == bind(getitem_p, X[0], *arrays, template=template).ndim
    # With seven of each, a new axis tells the place.
    seven = [a if a.dtype == bool else np.stack([np.expand_dims(a, (*range(width - a.ndim),))] * 7) for a in arrays]
    assert bind(getitem_p, X[0], *seven, template=template).shape[place] == 7


def test_whether_an_entry_may_be_chosen_twice():
    def marks(template, batched, x_batched):
        arrays = [np.zeros((2, 1), int) if flag else np.zeros(1, int) for flag in batched]
        return may_repeat(batched_index(template, arrays, batched, 2, x_batched, 2).template)

    assert not marks((DISTINCT,), [True], True)  # examples are apart
    assert marks((DISTINCT,), [True], False)  # the same entry of a shared array, for two examples
    assert not marks((DISTINCT, DISTINCT), [False, False], True)
    assert marks((ARRAY,), [True], True)
    assert marks((ARRAY, DISTINCT), [False, True], True)


def test_no_examples_and_one():
    for size in (0, 1):
        for f in (lambda x, i: at(x)[:, i].get(), lambda x, i: at(x)[:, i].add(1.0)):
            found = vmap(f)(X[:size], I[:size])
            assert found.shape == (size, *f(X[0], I[0]).shape)
    agree(vmap(lambda x, i: at(x)[i].get())(X[:1], I[:1]), looped(lambda x, i: x[i], (X[:1], I[:1]), (0, 0)))


def test_out_of_range_is_numpys_error():
    with pytest.raises(IndexError, match="out of bounds"):
        vmap(lambda x, i: x[i])(X, np.array([0, 4, 0]))


def test_a_plain_array_indexed_by_a_batched_one_names_the_way():
    table = np.arange(12.0).reshape(4, 3)
    with pytest.raises(TracedValueError, match=r"write `functrans\.numpy\.at\(a\)\[i\]\.get\(\)`"):
        vmap(lambda i: table[i])(ONE)
    agree(vmap(lambda i: at(table)[i].get())(ONE), table[ONE])
