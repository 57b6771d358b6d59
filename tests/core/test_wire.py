"""Values over pipes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isthmus.core.errors import InputError
from isthmus.core.wire import pack, unpack

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.binary()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(PLAIN)
def test_plain_values_come_back(value: Any) -> None:
    assert unpack(pack(value)) == value


@given(
    arrays(
        st.sampled_from([np.uint8, np.float32, np.int64, np.bool_]),
        st.tuples(*[st.integers(0, 4)] * 2),
    ),
    arrays(np.float32, 3),
)
def test_arrays_come_back_with_dtype_and_shape(a: Any, b: Any) -> None:
    found = unpack(pack([(a, b"bytes"), b]))
    assert found[0][1] == b"bytes"
    np.testing.assert_array_equal(found[0][0], a)
    assert found[0][0].dtype == a.dtype and found[0][0].shape == a.shape
    np.testing.assert_array_equal(found[1], b)


@pytest.mark.parametrize("value", [{1, 2}, object(), np.array([object()]), {1: 2}])
def test_what_cannot_be_sent(value: Any) -> None:
    with pytest.raises(InputError, match="cannot be sent"):
        pack(value)


def test_damage_and_object_arrays_are_refused() -> None:
    whole = pack([np.arange(10)])
    with pytest.raises(InputError, match="damaged"):
        unpack(whole[:-8])
    with pytest.raises(InputError, match="damaged"):
        unpack(pack(b"bytes")[:-1])
    with pytest.raises(InputError, match="damaged"):
        unpack(whole.replace(b'"<i8"', b'"|O" '))
