"""Work on text that a model's files decide, done in a process that can be ended: chat templates and patterns."""

from .patterns import check_patterns
from .templates import TemplateBroke, apply_chat_template

__all__ = ["TemplateBroke", "apply_chat_template", "check_patterns"]
