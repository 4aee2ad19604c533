"""The three ONNX models of packages/search/src/scan/products.ts, printed as base64. Needs the package onnx."""

import base64

from onnx import TensorProto as T
from onnx import checker
from onnx import helper as h

value = h.make_tensor_value_info


def model(nodes, row_type, query_type, score_type, initializers=()):
    graph = h.make_graph(
        nodes,
        "p",
        [value("x", row_type, ["n", "d"]), value("q", query_type, ["d", "b"])],
        [value("s", score_type, ["n", "b"])],
        list(initializers),
    )
    made = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    checker.check_model(made)
    return base64.b64encode(made.SerializeToString()).decode()


print("float32", model([h.make_node("MatMul", ["x", "q"], ["s"])], T.FLOAT, T.FLOAT, T.FLOAT))
print(
    "float16",
    model(
        [h.make_node("Cast", ["x"], ["f"], to=T.FLOAT), h.make_node("MatMul", ["f", "q"], ["s"])],
        T.FLOAT16,
        T.FLOAT,
        T.FLOAT,
    ),
)
zero = h.make_tensor("z", T.UINT8, [], [128])
print("int8", model([h.make_node("MatMulInteger", ["x", "q", "z"], ["s"])], T.UINT8, T.INT8, T.INT32, [zero]))
