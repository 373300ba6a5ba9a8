"""Requests to GPIO chips and their lines (linux/gpio.h)."""

from wiretale.decode.strace.devices.forms import Form, Given, Struct, braces, sequence

LEAST: dict[str, int] = {}
_ID_FLAGS, _ID_VALUES, _ID_DEBOUNCE = 1, 2, 3  # GPIO_V2_LINE_ATTR_ID_*


def _chip(given: Given) -> str:
    chip = given.last
    return braces([chip.string("name"), chip.string("label")], chip.texts("lines"))


def _answer(given: Given, asked: str, *answer: list[str]) -> str:
    return asked if given.after is None else f"{asked} => {braces(*answer)}"


def _line(given: Given) -> str:
    asked = braces(given.first.texts("line_offset"))
    if given.after is None:
        return asked
    line = given.last
    return _answer(given, asked, line.texts("flags"), [line.string("name"), line.string("consumer")])


def _handle(given: Given) -> str:
    first = given.first
    count = first["lines"]
    asked = [f"lines={count}", f"lineoffsets={first.numbers('lineoffsets', count)}", *first.texts("flags")]
    asked += [f"default_values={first.numbers('default_values', count)}", first.string("consumer_label")]
    return _descriptor(given, asked)


def _descriptor(given: Given, asked: list[str]) -> str:
    """A new descriptor comes back."""
    return _answer(given, braces(asked), given.last.texts("fd") if given.after is not None else [])


def _event(given: Given) -> str:
    first = given.first
    asked = first.texts("lineoffset", "handleflags", "eventflags")
    return _descriptor(given, [*asked, first.string("consumer_label")])


def _values(given: Given) -> str:
    return braces([f"values={given.only.numbers('values', 64)}"])


def _config(given: Given) -> str:
    first = given.first
    return braces(first.texts("flags"), [f"default_values={first.numbers('default_values', 64)}"])


def _attribute(attribute: Struct) -> list[str]:
    known = {
        _ID_FLAGS: lambda: f"flags={attribute.w.flags('device_gpio_v2_line', attribute['data'])}",
        _ID_VALUES: lambda: f"values={attribute['data']:#x}" if attribute["data"] else "values=0",
        _ID_DEBOUNCE: lambda: f"debounce_period_us={attribute['data'] & 0xFFFFFFFF}",
    }.get(attribute["id"])
    if known is None or attribute["padding"]:
        return [*attribute.texts("id"), *attribute.used("padding"), *attribute.texts("data")]
    return [known()]


def _config_attribute(attribute: Struct) -> str:
    inner = attribute.part("attr")
    shown = _attribute(inner)
    if inner["padding"] or inner["id"] not in (_ID_FLAGS, _ID_VALUES, _ID_DEBOUNCE):
        shown = [f"attr={braces(shown)}"]
    return braces(shown, attribute.texts("mask"))


def _v2_config(config: Struct) -> str:
    count = config["num_attrs"]
    attributes = sequence(config.w, map(_config_attribute, config.parts("attrs", count)))
    shown = [f"attrs={attributes}"] if count else []
    return braces(config.texts("flags", "num_attrs"), config.used("padding"), shown)


def _v2_request(given: Given) -> str:
    first = given.first
    count = first["num_lines"]
    asked = [f"num_lines={count}", f"offsets={first.numbers('offsets', count)}", first.string("consumer")]
    asked += [f"config={_v2_config(first.part('config'))}", *first.used("event_buffer_size", "padding")]
    return _descriptor(given, asked)


def _v2_line(given: Given) -> str:
    asked = braces(given.first.texts("offset"))
    if given.after is None:
        return asked
    line = given.last
    count = line["num_attrs"]
    attributes = sequence(line.w, (braces(_attribute(a)) for a in line.parts("attrs", count)))
    shown = [line.string("name"), line.string("consumer"), *line.texts("flags", "num_attrs")]
    return _answer(given, asked, shown, [f"attrs={attributes}"] if count else [], line.used("padding"))


def _v2_values(given: Given) -> str:
    answer = given.last.texts("bits") if given.after is not None else []
    return _answer(given, braces(given.first.texts("mask")), answer)


FORMS: dict[str, Form] = {
    "gpio_chip": _chip,
    "gpio_line": _line,
    "gpio_handle": _handle,
    "gpio_event": _event,
    "gpio_values": _values,
    "gpio_config": _config,
    "gpio_v2_line": _v2_line,
    "gpio_v2_request": _v2_request,
    "gpio_v2_asked_values": _v2_values,
    "gpio_v2_config": lambda given: _v2_config(given.first),
}
