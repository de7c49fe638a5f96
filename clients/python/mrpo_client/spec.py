"""A configuration as a RunSpec, by the rules that spec.proto states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from .gen.mrpo.runs.v1 import spec_pb2

INTEGERS = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64)


def spec_of(config: Mapping[str, Any]) -> spec_pb2.RunSpec:
    """Raises ValueError that names the key for which the message has no place; the service checks the rest."""
    spec = spec_pb2.RunSpec()
    _fill(spec, config, "config")
    return spec


def _union(message: Descriptor) -> str | None:
    """The oneof of a message that stands for one of several kinds or modes."""
    return next((one.name for one in message.oneofs if one.name in ("kind", "mode", "method")), None)


def _fill(message: Message, value: Any, path: str) -> None:
    kind = message.DESCRIPTOR
    union = _union(kind)
    if union == "kind":
        field = next((field for field in _narrowest_first(kind) if _takes(field, value)), None)
        if field is None:
            raise ValueError(f"{path}: no place for {value!r}")
        _set(message, field, True if field.name == "off" else value, path)
    elif union is not None:
        settings = dict(value)
        field = kind.fields_by_name.get(settings.pop(union, None))
        if field is None:
            raise ValueError(f"{path}.{union}: no place for {value.get(union)!r}")
        getattr(message, field.name).SetInParent()
        _set(message, field, settings, path)
    elif isinstance(value, list):
        _set(message, kind.fields_by_name["values"], value, path)
    elif isinstance(value, Mapping):
        for key, member in value.items():
            field = kind.fields_by_name.get(key)
            if field is None:
                raise ValueError(f"{path}.{key}: unknown key; there are {', '.join(kind.fields_by_name)}")
            if member is not None:
                _set(message, field, member, f"{path}.{key}")
    else:
        raise ValueError(f"{path}: expected an object, got {value!r}")


def _set(message: Message, field: FieldDescriptor, value: Any, path: str) -> None:
    try:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name).update(value)
        elif field.is_repeated and field.message_type is not None:
            for index, item in enumerate(value):
                _fill(getattr(message, field.name).add(), item, f"{path}[{index}]")
        elif field.is_repeated:
            getattr(message, field.name).extend(value)
        elif field.message_type is not None:
            child = getattr(message, field.name)
            child.SetInParent()
            _fill(child, value, path)
        else:
            setattr(message, field.name, value)
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error


def _narrowest_first(kind: Descriptor) -> list[FieldDescriptor]:
    """A whole number is one, before it is any number."""
    return sorted(kind.fields, key=lambda field: field.type not in INTEGERS)


def _takes(field: FieldDescriptor, value: Any) -> bool:
    if field.name == "off" and field.type == FieldDescriptor.TYPE_BOOL:
        return value == "off"
    match field.type:
        case FieldDescriptor.TYPE_STRING:
            return isinstance(value, str) and value != "off"
        case FieldDescriptor.TYPE_BOOL:
            return isinstance(value, bool)
        case FieldDescriptor.TYPE_INT64 | FieldDescriptor.TYPE_INT32:
            return isinstance(value, int) and not isinstance(value, bool) and value != 0
        case FieldDescriptor.TYPE_DOUBLE:
            return isinstance(value, (int, float)) and not isinstance(value, bool)
    fields = field.message_type.fields
    is_list = len(fields) == 1 and fields[0].name == "values" and _union(field.message_type) is None
    return is_list if isinstance(value, list) else isinstance(value, Mapping) and not is_list
