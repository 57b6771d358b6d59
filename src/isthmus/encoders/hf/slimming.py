"""Steps that change no vector are left out of a graph before it is written.

A vector that is one token's needs the other tokens of the last layer for keys and values alone.
And a mask that hides nothing is no mask. What torch captures computes both in full.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from isthmus.encoders.torch_model import Module

Node: TypeAlias = Any
"""``torch.fx.Node``."""

_BY_NUMBER = {
    f"{name}.{kind}"
    for kind, names in (
        ("Tensor", ("add", "sub", "mul", "div")),
        ("default", ("gelu", "relu", "silu", "sigmoid", "tanh", "dropout")),
    )
    for name in names
}
"""Steps that make each number of those at its own place."""
_SHAPING = ("view.default", "reshape.default")
_ATTENTION = "scaled_dot_product_attention.default"


def slimmed(torch: Module, program: Any) -> Any:
    """A captured program without what its vectors do not need, changed in place.

    Args:
        torch: The library.
        program: ``torch.export.ExportedProgram`` that takes tensors with items along axis 0.

    Returns:
        The same program.
    """
    graph = program.graph
    _drop_masks(torch, program)
    graph.eliminate_dead_code()
    _keep_rows(torch, graph)
    graph.eliminate_dead_code()
    graph.lint()
    program.graph_module.recompile()
    return program


def _name(node: Node) -> str:
    """Of the operator that a node calls, such as ``linear.default``; empty for an input."""
    return str(node.target).removeprefix("aten.") if node.op == "call_function" else ""


def _shape(node: Node) -> list[str]:
    """Sizes as they are written: some are known only when the graph runs. A number has none."""
    return [str(size) for size in getattr(node.meta["val"], "shape", ())]


def _drop_masks(torch: Module, program: Any) -> None:
    """Attention without the masks that are true everywhere, whatever the inputs hold."""
    inputs = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    given = zip(program.graph_signature.user_inputs, program.example_inputs[0], strict=True)
    counts = {inputs[name]: len(each) for name, each in given}
    known: dict[Node, Any] = {}
    for node in program.graph.nodes:
        if _name(node) != _ATTENTION or len(node.args) < 4 or node.args[3] is None:
            continue
        value = _constant(node.args[3], counts, known)
        if value is not None and value.dtype == torch.bool and bool(value.all()):
            node.args = (*node.args[:3], None, *node.args[4:])


def _constant(node: Node, counts: dict[Node, int], known: dict[Node, Any]) -> Any:
    """What a node gives if it depends on the number of items alone; None if on anything else."""
    if node in known:
        return known[node]
    known[node] = None
    if _name(node) == "sym_size.int" and node.args[1] == 0:
        known[node] = counts.get(node.args[0])
    elif node.op == "call_function":
        values = {each: _constant(each, counts, known) for each in node.all_input_nodes}
        if all(each is not None for each in values.values()):
            args, kwargs = _filled(node.args, values), _filled(node.kwargs, values)
            known[node] = node.target(*args, **kwargs)
    return known[node]


def _filled(argument: Any, values: dict[Node, Any]) -> Any:
    """Arguments of a node with values in place of nodes."""
    if isinstance(argument, dict):
        return {name: _filled(each, values) for name, each in argument.items()}
    if isinstance(argument, list | tuple):
        return [_filled(each, values) for each in argument]
    return values.get(argument, argument)


def _keep_rows(torch: Module, graph: Any) -> None:
    """A step makes one row alone where all that use it take one and the same."""
    narrow: dict[Node, tuple[int, int]] = {}
    """The axis of a node and the row that is wanted of it."""
    for node in reversed(graph.nodes):
        wanted = {_wanted(user, narrow).get(node) for user in node.users}
        if len(wanted) == 1 and (only := wanted.pop()) and _sources(node, only[0]) is not None:
            narrow[node] = only
    if not any(_name(node) == "linear.default" for node in narrow):
        return
    aten = torch.ops.aten
    for node in list(graph.nodes):
        wanted_of = _wanted(node, narrow)
        if node not in narrow:
            if any(source in narrow for source in wanted_of):  # it selected the row
                node.args = (*node.args[:2], 0)
            continue
        for source, (axis, row) in wanted_of.items():
            if source not in narrow:
                with graph.inserting_before(node):
                    cut = graph.call_function(aten.slice.Tensor, (source, axis, row, row + 1))
                node.replace_input_with(source, cut)
        if _name(node) in _SHAPING:
            sizes = list(node.args[1])
            sizes[narrow[node][0]] = 1
            node.target, node.args = aten.reshape.default, (node.args[0], sizes)


def _wanted(user: Node, narrow: dict[Node, tuple[int, int]]) -> dict[Node, tuple[int, int]]:
    """Of which inputs a node takes one row: their axis, and the row."""
    if _name(user) == "select.int":
        source, axis, row = user.args
        return {source: (axis, row)} if axis > 0 and isinstance(row, int) and row >= 0 else {}
    if user not in narrow:
        return {}
    axis, row = narrow[user]
    return {source: (at, row) for source, at in (_sources(user, axis) or {}).items()}


def _sources(node: Node, axis: int) -> dict[Node, int] | None:
    """What a node takes one row of to make one row, and along which axis.

    Returns:
        What it takes whole is not in it. None if it needs more than a row.
    """
    name, args = _name(node), node.args
    if name in _BY_NUMBER:
        from_end = axis - len(_shape(node))
        shapes = {each: _shape(each) for each in node.all_input_nodes}
        return {
            each: len(shape) + from_end
            for each, shape in shapes.items()
            if len(shape) >= -from_end and shape[from_end] != "1"
        }
    last = len(_shape(node)) - 1
    if name == "linear.default":
        return {args[0]: axis} if axis < last else None
    if name == "layer_norm.default":
        return {args[0]: axis} if axis <= last - len(args[1]) else None
    if name == "slice.Tensor":
        return {args[0]: axis} if len(args) > 1 and args[1] not in (axis, axis - last - 1) else None
    if name == "transpose.int":
        first, second = (each % (last + 1) for each in args[1:3])
        return {args[0]: {first: second, second: first}.get(axis, axis)}
    if name in _SHAPING:
        same = _shape(args[0])[: axis + 1] == _shape(node)[: axis + 1]
        return {args[0]: axis} if same else None
    if name == _ATTENTION:
        return _attending(node) if axis == last - 1 else None
    return None


def _attending(node: Node) -> dict[Node, int] | None:
    """Of attention only queries and their mask may be cut."""
    query, key, value, *more = node.args
    mask, _, causal = (*more, *(None, 0.0, False)[len(more) :])[:3]
    if causal or query in (key, value):
        return None
    found = {query: len(_shape(query)) - 2}
    if mask is not None and _shape(mask)[-2] != "1":
        found[mask] = len(_shape(mask)) - 2
    return found
