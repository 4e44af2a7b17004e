import pytest

from webapp.objects.values import FieldErrors
from webapp.plugins import parameters
from webapp.plugins.contract import Manifest, Parameter

DECLARED = (
    Parameter("seconds", "number", 1.5, minimum=0, maximum=60),
    Parameter("lines", "integer", 40, minimum=1),
    Parameter("name", required=True, maximum=5),
    Parameter("mode", "choice", "fast", choices=("fast", "slow", "off")),
    Parameter("deep", "boolean", False),
    Parameter("ports", "list", pattern=r"\d+", example="80", maximum=2),
    Parameter("notes", "text"),
    Parameter("token", "secret"),
)
PROBE = Manifest("probe", "Probe", "Looks.", consumes=("hostname",), parameters=DECLARED, actions=("run", "again"))


def errors_of(function, *args) -> dict[str, str]:
    with pytest.raises(FieldErrors) as refused:
        function(*args)
    return {error["field"]: error["message"] for error in refused.value.errors}


def call(**more) -> dict:
    return {"plugin_id": "probe", "input_data": ["example.com"], "kwargs": {"name": "x"}, **more}


def test_a_call_keeps_what_was_given_and_no_more():
    given = call(input_data="Example.com", args=[], action="run")
    assert parameters.validate_call(PROBE, given) == {
        "plugin_id": "probe", "input_data": ["example.com"], "action": "run", "kwargs": {"name": "x"},
    }  # fmt: skip


def test_defaults_fill_what_is_missing():
    assert parameters.parameter_values(PROBE, call()) == {
        "seconds": 1.5, "lines": 40, "name": "x", "mode": "fast", "deep": False,
        "ports": None, "notes": None, "token": None,
    }  # fmt: skip


def test_args_fill_the_parameters_in_order():
    values = parameters.parameter_values(PROBE, call(args=[2, 7]))
    assert (values["seconds"], values["lines"], values["name"]) == (2, 7, "x")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("name", None, "Enter the name"),
        ("name", "", "Enter the name"),
        ("name", "much too long", "Enter at most 5 characters"),
        ("name", 5, "Enter text"),
        ("name", "a\nb", "Enter one line"),
        ("name", "a\0", "Enter text"),
        ("lines", "5", "Enter a whole number"),
        ("lines", 5.0, "Enter a whole number"),
        ("lines", True, "Enter a whole number"),
        ("lines", 0, "Enter a number of at least 1"),
        ("seconds", "1", "Enter a number"),
        ("seconds", float("nan"), "Enter a number"),
        ("seconds", 61, "Enter a number from 0 to 60"),
        ("deep", 1, "Choose true or false"),
        ("deep", "true", "Choose true or false"),
        ("mode", "fst", "Choose fast, slow or off"),
        ("mode", ["fast"], "Choose fast, slow or off"),
        ("ports", "80", "Enter a list of texts, like 80"),
        ("ports", [80], "Enter a list of texts, like 80"),
        ("ports", ["80", "x"], '"x" cannot be in this list, like 80'),
        ("ports", ["1", "2", "3"], "Enter at most 2 of them"),
        ("secnds", 1, 'Unknown parameter "secnds". Did you mean seconds?'),
    ],
)
def test_a_wrong_value_is_named_at_its_field(name, value, says):
    wrong = call(kwargs={"name": "x", name: value})
    assert errors_of(parameters.validate_call, PROBE, wrong) == {f"kwargs.{name}": says}


def test_all_faults_of_a_call_are_told_at_once():
    wrong = call(plugin_id="other", input_data="a b", action="jump", arguments=[], kwargs={"lines": 0})
    assert errors_of(parameters.validate_call, PROBE, wrong) == {
        "arguments": 'Unknown field "arguments". Did you mean args?',
        "plugin_id": "Enter probe",
        "action": "Choose run or again",
        "input_data": "Enter a hostname, like example.com",
        "kwargs.lines": "Enter a number of at least 1",
        "kwargs.name": "Enter the name",
    }


@pytest.mark.parametrize(
    ("more", "field", "says"),
    [
        ({"args": "x"}, "args", "Enter a list"),
        ({"kwargs": []}, "kwargs.name", "Enter the name"),
        ({"kwargs": "x"}, "kwargs", "Enter an object"),
        ({"args": [1] * 9}, "args", "Enter at most 8 arguments"),
        ({"args": [1], "kwargs": {"seconds": 1, "name": "x"}}, "kwargs.seconds", "Enter it once: it is among args too"),
    ],
)
def test_args_and_kwargs_have_their_shapes(more, field, says):
    assert errors_of(parameters.validate_call, PROBE, call(**more))[field] == says


def test_free_arguments_reach_the_plugin_as_they_are():
    free = Manifest("free", "Free", "Takes all.", parameters=DECLARED[:1], free_arguments=True, any_input=True)
    given = {"args": [1, 2], "kwargs": {"other": [1], "seconds": 2}}
    assert parameters.validate_call(free, given) == {"plugin_id": "free", "input_data": [], **given}
    assert parameters.parameter_values(free, given) == {"seconds": 2}
    assert "kwargs.seconds" in errors_of(parameters.validate_call, free, {"kwargs": {"seconds": "2"}})


def test_a_form_brings_texts():
    form = {
        "seconds": "2.5",
        "lines": " 7 ",
        "name": "x",
        "mode": "",
        "deep": "on",
        "ports": "80, 443\n",
        "csrf_token": "t",
    }
    read = parameters.from_form(DECLARED, form)
    assert read == {"seconds": 2.5, "lines": 7, "name": "x", "deep": True, "ports": ["80", "443"]}
    assert parameters.clean(DECLARED, read)["mode"] == "fast"


def test_a_form_that_cannot_be_read_names_the_field():
    read = parameters.from_form(DECLARED, {"seconds": "soon", "lines": "7.5", "name": "x"})
    assert errors_of(parameters.clean, DECLARED, read) == {
        "kwargs.seconds": "Enter a number", "kwargs.lines": "Enter a whole number",
    }  # fmt: skip


def test_a_box_that_is_not_ticked_is_off():
    assert parameters.from_form((Parameter("deep", "boolean", True),), {}) == {"deep": False}


@pytest.mark.parametrize(("inputs", "tasks"), [([], 1), (["a"], 1), (["a", "b", "c"], 3)])
def test_each_input_makes_a_task(inputs, tasks):
    split = parameters.split_inputs(call(input_data=inputs))
    assert len(split) == tasks
    assert [each["input_data"] for each in split] == [[one] for one in inputs] or not inputs


def test_secrets_are_told_for_masking():
    probe = Manifest("a", "A", "It.", parameters=DECLARED, settings=(Parameter("key", "secret"), Parameter("region")))
    settings = {"key": "hunter2", "region": "eu"}
    assert parameters.secret_values(probe, settings, call(kwargs={"token": "t0k3n", "name": "x"})) == [
        "hunter2",
        "t0k3n",
    ]


def test_texts_for_people_keep_the_house_rules():
    told = [text for parameter in DECLARED for text in _refusals(parameter)]
    assert told and not [
        text for text in told if any(word in text.lower() for word in ("invalid", "please", "sorry", "oops"))
    ]


def _refusals(parameter: Parameter) -> list[str]:
    found = []
    for value in (None, 5, "x" * 100, [], [None], True, -1, 10**9):
        try:
            parameters.check(parameter, value)
        except ValueError as error:
            found.append(str(error))
    return found
