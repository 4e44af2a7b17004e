from webapp.plugins.contract import Manifest, Parameter
from webapp.plugins.schema import call_schema, values_schema

DECLARED = (
    Parameter("mode", "choice", "fast", help="How.", choices=("fast", "slow")),
    Parameter("ports", "list", pattern=r"\d+", maximum=9),
    Parameter("name", pattern="[a-z]+", minimum=2),
    Parameter("count", "integer", minimum=1, maximum=5, example="3"),
    Parameter("token", "secret"),
)


def test_a_call_is_described():
    schema = call_schema(Manifest("probe", "Probe", "Looks.", consumes=("hostname",), parameters=DECLARED))
    assert schema["required"] == ["plugin_id", "input_data"]
    assert schema["properties"]["plugin_id"] == {"const": "probe"}
    assert schema["properties"]["action"]["enum"] == ["run"]
    assert schema["properties"]["kwargs"] == values_schema(DECLARED)


def test_each_parameter_keeps_its_limits():
    told = values_schema(DECLARED)["properties"]
    assert told["mode"] == {
        "type": "string", "title": "Mode", "description": "How.", "enum": ["fast", "slow"], "default": "fast",
    }  # fmt: skip
    assert told["ports"]["items"] == {"type": "string", "pattern": r"^(?:\d+)$"} and told["ports"]["maxItems"] == 9
    assert told["name"]["pattern"] == "^(?:[a-z]+)$" and told["name"]["minLength"] == 2
    assert (told["count"]["minimum"], told["count"]["maximum"], told["count"]["examples"]) == (1, 5, ["3"])
    assert told["token"]["writeOnly"] is True


def test_a_plugin_that_takes_anything_says_so():
    schema = call_schema(Manifest("any", "Any", "Takes all.", any_input=True, free_arguments=True))
    assert schema["required"] == ["plugin_id"]
    assert schema["properties"]["kwargs"]["additionalProperties"] is True
