from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_MODEL_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_MODEL_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_CHAT_TEMPLATE_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_UNKNOWN_HANDLE: _ClassVar[ErrorReason]
    ERROR_REASON_ROW_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_TARGET_MODULES_UNMATCHED: _ClassVar[ErrorReason]
    ERROR_REASON_OUT_OF_MEMORY: _ClassVar[ErrorReason]
    ERROR_REASON_STEP_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_UNSUPPORTED: _ClassVar[ErrorReason]
    ERROR_REASON_PATH_REFUSED: _ClassVar[ErrorReason]
    ERROR_REASON_DATASET_NOT_FOUND: _ClassVar[ErrorReason]
    ERROR_REASON_CHECKPOINT_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_TRAINER_LOST: _ClassVar[ErrorReason]
    ERROR_REASON_EXPORT_DIFFERS: _ClassVar[ErrorReason]

class Quantization(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUANTIZATION_UNSPECIFIED: _ClassVar[Quantization]
    QUANTIZATION_NF4: _ClassVar[Quantization]
    QUANTIZATION_INT8: _ClassVar[Quantization]

class Truncation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRUNCATION_UNSPECIFIED: _ClassVar[Truncation]
    TRUNCATION_KEEP_START: _ClassVar[Truncation]
    TRUNCATION_DROP: _ClassVar[Truncation]
    TRUNCATION_PAPER: _ClassVar[Truncation]
    TRUNCATION_KEEP_END_OF_PROMPT: _ClassVar[Truncation]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_MODEL_NOT_FOUND: ErrorReason
ERROR_REASON_MODEL_INVALID: ErrorReason
ERROR_REASON_CHAT_TEMPLATE_MISSING: ErrorReason
ERROR_REASON_UNKNOWN_HANDLE: ErrorReason
ERROR_REASON_ROW_INVALID: ErrorReason
ERROR_REASON_TARGET_MODULES_UNMATCHED: ErrorReason
ERROR_REASON_OUT_OF_MEMORY: ErrorReason
ERROR_REASON_STEP_CONFLICT: ErrorReason
ERROR_REASON_UNSUPPORTED: ErrorReason
ERROR_REASON_PATH_REFUSED: ErrorReason
ERROR_REASON_DATASET_NOT_FOUND: ErrorReason
ERROR_REASON_CHECKPOINT_INVALID: ErrorReason
ERROR_REASON_TRAINER_LOST: ErrorReason
ERROR_REASON_EXPORT_DIFFERS: ErrorReason
QUANTIZATION_UNSPECIFIED: Quantization
QUANTIZATION_NF4: Quantization
QUANTIZATION_INT8: Quantization
TRUNCATION_UNSPECIFIED: Truncation
TRUNCATION_KEEP_START: Truncation
TRUNCATION_DROP: Truncation
TRUNCATION_PAPER: Truncation
TRUNCATION_KEEP_END_OF_PROMPT: Truncation

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("protocol_version", "incarnation", "server_version", "device", "device_name", "device_memory_bytes", "device_memory_free_bytes", "threads", "versions", "max_message_bytes", "process_id", "capabilities", "peak_memory_bytes", "client_grace_seconds", "models")
    class VersionsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    DEVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    DEVICE_MEMORY_FREE_BYTES_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    PROCESS_ID_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_GRACE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    incarnation: str
    server_version: str
    device: str
    device_name: str
    device_memory_bytes: int
    device_memory_free_bytes: int
    threads: int
    versions: _containers.ScalarMap[str, str]
    max_message_bytes: int
    process_id: int
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    peak_memory_bytes: int
    client_grace_seconds: float
    models: _containers.RepeatedCompositeFieldContainer[HeldModel]
    def __init__(self, protocol_version: _Optional[int] = ..., incarnation: _Optional[str] = ..., server_version: _Optional[str] = ..., device: _Optional[str] = ..., device_name: _Optional[str] = ..., device_memory_bytes: _Optional[int] = ..., device_memory_free_bytes: _Optional[int] = ..., threads: _Optional[int] = ..., versions: _Optional[_Mapping[str, str]] = ..., max_message_bytes: _Optional[int] = ..., process_id: _Optional[int] = ..., capabilities: _Optional[_Iterable[str]] = ..., peak_memory_bytes: _Optional[int] = ..., client_grace_seconds: _Optional[float] = ..., models: _Optional[_Iterable[_Union[HeldModel, _Mapping]]] = ...) -> None: ...

class HeldModel(_message.Message):
    __slots__ = ("model_handle", "source", "memory_bytes", "away_seconds")
    MODEL_HANDLE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    AWAY_SECONDS_FIELD_NUMBER: _ClassVar[int]
    model_handle: str
    source: str
    memory_bytes: int
    away_seconds: float
    def __init__(self, model_handle: _Optional[str] = ..., source: _Optional[str] = ..., memory_bytes: _Optional[int] = ..., away_seconds: _Optional[float] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("stage", "done", "total", "unit")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    stage: str
    done: int
    total: int
    unit: str
    def __init__(self, stage: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., unit: _Optional[str] = ...) -> None: ...

class ModelSpec(_message.Message):
    __slots__ = ("source", "revision", "adapter", "quantization", "dtype", "chat_template", "attention", "tokenizer", "tokenizer_revision")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    CHAT_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_REVISION_FIELD_NUMBER: _ClassVar[int]
    source: str
    revision: str
    adapter: str
    quantization: Quantization
    dtype: str
    chat_template: str
    attention: str
    tokenizer: str
    tokenizer_revision: str
    def __init__(self, source: _Optional[str] = ..., revision: _Optional[str] = ..., adapter: _Optional[str] = ..., quantization: _Optional[_Union[Quantization, str]] = ..., dtype: _Optional[str] = ..., chat_template: _Optional[str] = ..., attention: _Optional[str] = ..., tokenizer: _Optional[str] = ..., tokenizer_revision: _Optional[str] = ...) -> None: ...

class ModelIdentity(_message.Message):
    __slots__ = ("weights", "tokenizer", "chat_template", "numeric_path", "revision")
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    CHAT_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    NUMERIC_PATH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    weights: str
    tokenizer: str
    chat_template: str
    numeric_path: str
    revision: str
    def __init__(self, weights: _Optional[str] = ..., tokenizer: _Optional[str] = ..., chat_template: _Optional[str] = ..., numeric_path: _Optional[str] = ..., revision: _Optional[str] = ...) -> None: ...

class IdentifyModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: ModelSpec
    def __init__(self, model: _Optional[_Union[ModelSpec, _Mapping]] = ...) -> None: ...

class IdentifyModelResponse(_message.Message):
    __slots__ = ("progress", "identity")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    identity: ModelIdentity
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., identity: _Optional[_Union[ModelIdentity, _Mapping]] = ...) -> None: ...

class LoadModelRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: ModelSpec
    def __init__(self, model: _Optional[_Union[ModelSpec, _Mapping]] = ...) -> None: ...

class LoadModelResponse(_message.Message):
    __slots__ = ("progress", "loaded")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    loaded: LoadedModel
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., loaded: _Optional[_Union[LoadedModel, _Mapping]] = ...) -> None: ...

class LoadedModel(_message.Message):
    __slots__ = ("model_handle", "identity", "architecture", "parameters", "vocabulary", "layers", "hidden_size", "has_chat_template", "memory_bytes", "context_length", "layout", "layout_note", "dtype", "notes")
    MODEL_HANDLE_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_SIZE_FIELD_NUMBER: _ClassVar[int]
    HAS_CHAT_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_LENGTH_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_NOTE_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    model_handle: str
    identity: ModelIdentity
    architecture: str
    parameters: int
    vocabulary: int
    layers: int
    hidden_size: int
    has_chat_template: bool
    memory_bytes: int
    context_length: int
    layout: str
    layout_note: str
    dtype: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model_handle: _Optional[str] = ..., identity: _Optional[_Union[ModelIdentity, _Mapping]] = ..., architecture: _Optional[str] = ..., parameters: _Optional[int] = ..., vocabulary: _Optional[int] = ..., layers: _Optional[int] = ..., hidden_size: _Optional[int] = ..., has_chat_template: _Optional[bool] = ..., memory_bytes: _Optional[int] = ..., context_length: _Optional[int] = ..., layout: _Optional[str] = ..., layout_note: _Optional[str] = ..., dtype: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class UnloadModelRequest(_message.Message):
    __slots__ = ("model_handle",)
    MODEL_HANDLE_FIELD_NUMBER: _ClassVar[int]
    model_handle: str
    def __init__(self, model_handle: _Optional[str] = ...) -> None: ...

class UnloadModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Message(_message.Message):
    __slots__ = ("role", "content", "extra_json")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    EXTRA_JSON_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    extra_json: str
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ..., extra_json: _Optional[str] = ...) -> None: ...

class PairText(_message.Message):
    __slots__ = ("prompt", "chosen", "rejected", "plain", "tools_json")
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    PLAIN_FIELD_NUMBER: _ClassVar[int]
    TOOLS_JSON_FIELD_NUMBER: _ClassVar[int]
    prompt: _containers.RepeatedCompositeFieldContainer[Message]
    chosen: _containers.RepeatedCompositeFieldContainer[Message]
    rejected: _containers.RepeatedCompositeFieldContainer[Message]
    plain: bool
    tools_json: str
    def __init__(self, prompt: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., chosen: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., rejected: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., plain: _Optional[bool] = ..., tools_json: _Optional[str] = ...) -> None: ...

class RegisterRowsRequest(_message.Message):
    __slots__ = ("open", "rows")
    class Open(_message.Message):
        __slots__ = ("model_handle", "max_length", "truncation", "template", "return_tokens", "score_turns")
        MODEL_HANDLE_FIELD_NUMBER: _ClassVar[int]
        MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
        TRUNCATION_FIELD_NUMBER: _ClassVar[int]
        TEMPLATE_FIELD_NUMBER: _ClassVar[int]
        RETURN_TOKENS_FIELD_NUMBER: _ClassVar[int]
        SCORE_TURNS_FIELD_NUMBER: _ClassVar[int]
        model_handle: str
        max_length: int
        truncation: Truncation
        template: str
        return_tokens: bool
        score_turns: str
        def __init__(self, model_handle: _Optional[str] = ..., max_length: _Optional[int] = ..., truncation: _Optional[_Union[Truncation, str]] = ..., template: _Optional[str] = ..., return_tokens: _Optional[bool] = ..., score_turns: _Optional[str] = ...) -> None: ...
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    open: RegisterRowsRequest.Open
    rows: _containers.RepeatedCompositeFieldContainer[PairText]
    def __init__(self, open: _Optional[_Union[RegisterRowsRequest.Open, _Mapping]] = ..., rows: _Optional[_Iterable[_Union[PairText, _Mapping]]] = ...) -> None: ...

class RegisterRowsResponse(_message.Message):
    __slots__ = ("row_set", "rows")
    ROW_SET_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    row_set: str
    rows: _containers.RepeatedCompositeFieldContainer[RowFacts]
    def __init__(self, row_set: _Optional[str] = ..., rows: _Optional[_Iterable[_Union[RowFacts, _Mapping]]] = ...) -> None: ...

class RowFacts(_message.Message):
    __slots__ = ("prompt_tokens", "chosen_tokens", "rejected_tokens", "truncated_prompt", "truncated_chosen", "truncated_rejected", "boundary_split", "unusable", "rendered_prompt", "rendered_chosen", "rendered_rejected", "prompt_pieces", "chosen_pieces", "rejected_pieces", "left_out", "chosen_context", "rejected_context", "context_tokens")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_PROMPT_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_CHOSEN_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_REJECTED_FIELD_NUMBER: _ClassVar[int]
    BOUNDARY_SPLIT_FIELD_NUMBER: _ClassVar[int]
    UNUSABLE_FIELD_NUMBER: _ClassVar[int]
    RENDERED_PROMPT_FIELD_NUMBER: _ClassVar[int]
    RENDERED_CHOSEN_FIELD_NUMBER: _ClassVar[int]
    RENDERED_REJECTED_FIELD_NUMBER: _ClassVar[int]
    PROMPT_PIECES_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_PIECES_FIELD_NUMBER: _ClassVar[int]
    REJECTED_PIECES_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    chosen_tokens: int
    rejected_tokens: int
    truncated_prompt: bool
    truncated_chosen: bool
    truncated_rejected: bool
    boundary_split: bool
    unusable: str
    rendered_prompt: str
    rendered_chosen: str
    rendered_rejected: str
    prompt_pieces: _containers.RepeatedScalarFieldContainer[str]
    chosen_pieces: _containers.RepeatedScalarFieldContainer[str]
    rejected_pieces: _containers.RepeatedScalarFieldContainer[str]
    left_out: _containers.RepeatedScalarFieldContainer[str]
    chosen_context: _containers.RepeatedScalarFieldContainer[int]
    rejected_context: _containers.RepeatedScalarFieldContainer[int]
    context_tokens: int
    def __init__(self, prompt_tokens: _Optional[int] = ..., chosen_tokens: _Optional[int] = ..., rejected_tokens: _Optional[int] = ..., truncated_prompt: _Optional[bool] = ..., truncated_chosen: _Optional[bool] = ..., truncated_rejected: _Optional[bool] = ..., boundary_split: _Optional[bool] = ..., unusable: _Optional[str] = ..., rendered_prompt: _Optional[str] = ..., rendered_chosen: _Optional[str] = ..., rendered_rejected: _Optional[str] = ..., prompt_pieces: _Optional[_Iterable[str]] = ..., chosen_pieces: _Optional[_Iterable[str]] = ..., rejected_pieces: _Optional[_Iterable[str]] = ..., left_out: _Optional[_Iterable[str]] = ..., chosen_context: _Optional[_Iterable[int]] = ..., rejected_context: _Optional[_Iterable[int]] = ..., context_tokens: _Optional[int] = ...) -> None: ...

class ScoreRequest(_message.Message):
    __slots__ = ("row_set", "rows", "adapter_off")
    ROW_SET_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_OFF_FIELD_NUMBER: _ClassVar[int]
    row_set: str
    rows: _containers.RepeatedScalarFieldContainer[int]
    adapter_off: bool
    def __init__(self, row_set: _Optional[str] = ..., rows: _Optional[_Iterable[int]] = ..., adapter_off: _Optional[bool] = ...) -> None: ...

class ScoreResponse(_message.Message):
    __slots__ = ("rows", "chosen_logps", "rejected_logps", "progress")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_LOGPS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_LOGPS_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedScalarFieldContainer[int]
    chosen_logps: _containers.RepeatedScalarFieldContainer[float]
    rejected_logps: _containers.RepeatedScalarFieldContainer[float]
    progress: Progress
    def __init__(self, rows: _Optional[_Iterable[int]] = ..., chosen_logps: _Optional[_Iterable[float]] = ..., rejected_logps: _Optional[_Iterable[float]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("model_handle", "prompts", "max_new_tokens", "temperature", "top_p", "seed", "adapter_off")
    class Prompt(_message.Message):
        __slots__ = ("messages", "plain", "tools_json")
        MESSAGES_FIELD_NUMBER: _ClassVar[int]
        PLAIN_FIELD_NUMBER: _ClassVar[int]
        TOOLS_JSON_FIELD_NUMBER: _ClassVar[int]
        messages: _containers.RepeatedCompositeFieldContainer[Message]
        plain: bool
        tools_json: str
        def __init__(self, messages: _Optional[_Iterable[_Union[Message, _Mapping]]] = ..., plain: _Optional[bool] = ..., tools_json: _Optional[str] = ...) -> None: ...
    MODEL_HANDLE_FIELD_NUMBER: _ClassVar[int]
    PROMPTS_FIELD_NUMBER: _ClassVar[int]
    MAX_NEW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_OFF_FIELD_NUMBER: _ClassVar[int]
    model_handle: str
    prompts: _containers.RepeatedCompositeFieldContainer[GenerateRequest.Prompt]
    max_new_tokens: int
    temperature: float
    top_p: float
    seed: int
    adapter_off: bool
    def __init__(self, model_handle: _Optional[str] = ..., prompts: _Optional[_Iterable[_Union[GenerateRequest.Prompt, _Mapping]]] = ..., max_new_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., seed: _Optional[int] = ..., adapter_off: _Optional[bool] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("index", "text", "tokens", "finished")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    index: int
    text: str
    tokens: int
    finished: bool
    def __init__(self, index: _Optional[int] = ..., text: _Optional[str] = ..., tokens: _Optional[int] = ..., finished: _Optional[bool] = ...) -> None: ...

class LoraSpec(_message.Message):
    __slots__ = ("r", "alpha", "dropout", "target_modules")
    R_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_FIELD_NUMBER: _ClassVar[int]
    TARGET_MODULES_FIELD_NUMBER: _ClassVar[int]
    r: int
    alpha: float
    dropout: float
    target_modules: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, r: _Optional[int] = ..., alpha: _Optional[float] = ..., dropout: _Optional[float] = ..., target_modules: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateTrainerRequest(_message.Message):
    __slots__ = ("model_handle", "lora", "seed", "optimizer", "adam_beta1", "adam_beta2", "adam_epsilon", "checkpointing", "deterministic")
    MODEL_HANDLE_FIELD_NUMBER: _ClassVar[int]
    LORA_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    ADAM_BETA1_FIELD_NUMBER: _ClassVar[int]
    ADAM_BETA2_FIELD_NUMBER: _ClassVar[int]
    ADAM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTING_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_FIELD_NUMBER: _ClassVar[int]
    model_handle: str
    lora: LoraSpec
    seed: int
    optimizer: str
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    checkpointing: str
    deterministic: bool
    def __init__(self, model_handle: _Optional[str] = ..., lora: _Optional[_Union[LoraSpec, _Mapping]] = ..., seed: _Optional[int] = ..., optimizer: _Optional[str] = ..., adam_beta1: _Optional[float] = ..., adam_beta2: _Optional[float] = ..., adam_epsilon: _Optional[float] = ..., checkpointing: _Optional[str] = ..., deterministic: _Optional[bool] = ...) -> None: ...

class CreateTrainerResponse(_message.Message):
    __slots__ = ("trainer_handle", "trainable_parameters", "checkpointing", "micro_batch_tokens", "trained_modules", "saturating_tokens", "deterministic")
    TRAINER_HANDLE_FIELD_NUMBER: _ClassVar[int]
    TRAINABLE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTING_FIELD_NUMBER: _ClassVar[int]
    MICRO_BATCH_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TRAINED_MODULES_FIELD_NUMBER: _ClassVar[int]
    SATURATING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_FIELD_NUMBER: _ClassVar[int]
    trainer_handle: str
    trainable_parameters: int
    checkpointing: str
    micro_batch_tokens: int
    trained_modules: _containers.RepeatedScalarFieldContainer[str]
    saturating_tokens: int
    deterministic: bool
    def __init__(self, trainer_handle: _Optional[str] = ..., trainable_parameters: _Optional[int] = ..., checkpointing: _Optional[str] = ..., micro_batch_tokens: _Optional[int] = ..., trained_modules: _Optional[_Iterable[str]] = ..., saturating_tokens: _Optional[int] = ..., deterministic: _Optional[bool] = ...) -> None: ...

class CloseTrainerRequest(_message.Message):
    __slots__ = ("trainer_handle",)
    TRAINER_HANDLE_FIELD_NUMBER: _ClassVar[int]
    trainer_handle: str
    def __init__(self, trainer_handle: _Optional[str] = ...) -> None: ...

class CloseTrainerResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TrainRequest(_message.Message):
    __slots__ = ("sequence", "open", "forward", "backward", "commit", "abort")
    class Open(_message.Message):
        __slots__ = ("trainer_handle", "row_set")
        TRAINER_HANDLE_FIELD_NUMBER: _ClassVar[int]
        ROW_SET_FIELD_NUMBER: _ClassVar[int]
        trainer_handle: str
        row_set: str
        def __init__(self, trainer_handle: _Optional[str] = ..., row_set: _Optional[str] = ...) -> None: ...
    class Forward(_message.Message):
        __slots__ = ("step", "micro_batch", "rows", "seed")
        STEP_FIELD_NUMBER: _ClassVar[int]
        MICRO_BATCH_FIELD_NUMBER: _ClassVar[int]
        ROWS_FIELD_NUMBER: _ClassVar[int]
        SEED_FIELD_NUMBER: _ClassVar[int]
        step: int
        micro_batch: int
        rows: _containers.RepeatedScalarFieldContainer[int]
        seed: int
        def __init__(self, step: _Optional[int] = ..., micro_batch: _Optional[int] = ..., rows: _Optional[_Iterable[int]] = ..., seed: _Optional[int] = ...) -> None: ...
    class Backward(_message.Message):
        __slots__ = ("step", "micro_batch", "chosen_gradients", "rejected_gradients")
        STEP_FIELD_NUMBER: _ClassVar[int]
        MICRO_BATCH_FIELD_NUMBER: _ClassVar[int]
        CHOSEN_GRADIENTS_FIELD_NUMBER: _ClassVar[int]
        REJECTED_GRADIENTS_FIELD_NUMBER: _ClassVar[int]
        step: int
        micro_batch: int
        chosen_gradients: _containers.RepeatedScalarFieldContainer[float]
        rejected_gradients: _containers.RepeatedScalarFieldContainer[float]
        def __init__(self, step: _Optional[int] = ..., micro_batch: _Optional[int] = ..., chosen_gradients: _Optional[_Iterable[float]] = ..., rejected_gradients: _Optional[_Iterable[float]] = ...) -> None: ...
    class Commit(_message.Message):
        __slots__ = ("step", "micro_batches", "learning_rate", "weight_decay", "max_grad_norm")
        STEP_FIELD_NUMBER: _ClassVar[int]
        MICRO_BATCHES_FIELD_NUMBER: _ClassVar[int]
        LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
        WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
        MAX_GRAD_NORM_FIELD_NUMBER: _ClassVar[int]
        step: int
        micro_batches: _containers.RepeatedScalarFieldContainer[int]
        learning_rate: float
        weight_decay: float
        max_grad_norm: float
        def __init__(self, step: _Optional[int] = ..., micro_batches: _Optional[_Iterable[int]] = ..., learning_rate: _Optional[float] = ..., weight_decay: _Optional[float] = ..., max_grad_norm: _Optional[float] = ...) -> None: ...
    class Abort(_message.Message):
        __slots__ = ("step",)
        STEP_FIELD_NUMBER: _ClassVar[int]
        step: int
        def __init__(self, step: _Optional[int] = ...) -> None: ...
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    FORWARD_FIELD_NUMBER: _ClassVar[int]
    BACKWARD_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    open: TrainRequest.Open
    forward: TrainRequest.Forward
    backward: TrainRequest.Backward
    commit: TrainRequest.Commit
    abort: TrainRequest.Abort
    def __init__(self, sequence: _Optional[int] = ..., open: _Optional[_Union[TrainRequest.Open, _Mapping]] = ..., forward: _Optional[_Union[TrainRequest.Forward, _Mapping]] = ..., backward: _Optional[_Union[TrainRequest.Backward, _Mapping]] = ..., commit: _Optional[_Union[TrainRequest.Commit, _Mapping]] = ..., abort: _Optional[_Union[TrainRequest.Abort, _Mapping]] = ...) -> None: ...

class TrainResponse(_message.Message):
    __slots__ = ("sequence", "opened", "forward", "backward", "commit", "abort", "error")
    class Opened(_message.Message):
        __slots__ = ("committed_step", "last_commit")
        COMMITTED_STEP_FIELD_NUMBER: _ClassVar[int]
        LAST_COMMIT_FIELD_NUMBER: _ClassVar[int]
        committed_step: int
        last_commit: TrainResponse.StepDone
        def __init__(self, committed_step: _Optional[int] = ..., last_commit: _Optional[_Union[TrainResponse.StepDone, _Mapping]] = ...) -> None: ...
    class ForwardResult(_message.Message):
        __slots__ = ("step", "micro_batch", "chosen_logps", "rejected_logps", "seconds")
        STEP_FIELD_NUMBER: _ClassVar[int]
        MICRO_BATCH_FIELD_NUMBER: _ClassVar[int]
        CHOSEN_LOGPS_FIELD_NUMBER: _ClassVar[int]
        REJECTED_LOGPS_FIELD_NUMBER: _ClassVar[int]
        SECONDS_FIELD_NUMBER: _ClassVar[int]
        step: int
        micro_batch: int
        chosen_logps: _containers.RepeatedScalarFieldContainer[float]
        rejected_logps: _containers.RepeatedScalarFieldContainer[float]
        seconds: float
        def __init__(self, step: _Optional[int] = ..., micro_batch: _Optional[int] = ..., chosen_logps: _Optional[_Iterable[float]] = ..., rejected_logps: _Optional[_Iterable[float]] = ..., seconds: _Optional[float] = ...) -> None: ...
    class BackwardDone(_message.Message):
        __slots__ = ("step", "micro_batch", "seconds")
        STEP_FIELD_NUMBER: _ClassVar[int]
        MICRO_BATCH_FIELD_NUMBER: _ClassVar[int]
        SECONDS_FIELD_NUMBER: _ClassVar[int]
        step: int
        micro_batch: int
        seconds: float
        def __init__(self, step: _Optional[int] = ..., micro_batch: _Optional[int] = ..., seconds: _Optional[float] = ...) -> None: ...
    class StepDone(_message.Message):
        __slots__ = ("step", "grad_norm", "seconds", "peak_memory_bytes", "skipped")
        STEP_FIELD_NUMBER: _ClassVar[int]
        GRAD_NORM_FIELD_NUMBER: _ClassVar[int]
        SECONDS_FIELD_NUMBER: _ClassVar[int]
        PEAK_MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
        SKIPPED_FIELD_NUMBER: _ClassVar[int]
        step: int
        grad_norm: float
        seconds: float
        peak_memory_bytes: int
        skipped: bool
        def __init__(self, step: _Optional[int] = ..., grad_norm: _Optional[float] = ..., seconds: _Optional[float] = ..., peak_memory_bytes: _Optional[int] = ..., skipped: _Optional[bool] = ...) -> None: ...
    class Aborted(_message.Message):
        __slots__ = ("step",)
        STEP_FIELD_NUMBER: _ClassVar[int]
        step: int
        def __init__(self, step: _Optional[int] = ...) -> None: ...
    class OperationError(_message.Message):
        __slots__ = ("reason", "message")
        REASON_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        reason: ErrorReason
        message: str
        def __init__(self, reason: _Optional[_Union[ErrorReason, str]] = ..., message: _Optional[str] = ...) -> None: ...
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    FORWARD_FIELD_NUMBER: _ClassVar[int]
    BACKWARD_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    opened: TrainResponse.Opened
    forward: TrainResponse.ForwardResult
    backward: TrainResponse.BackwardDone
    commit: TrainResponse.StepDone
    abort: TrainResponse.Aborted
    error: TrainResponse.OperationError
    def __init__(self, sequence: _Optional[int] = ..., opened: _Optional[_Union[TrainResponse.Opened, _Mapping]] = ..., forward: _Optional[_Union[TrainResponse.ForwardResult, _Mapping]] = ..., backward: _Optional[_Union[TrainResponse.BackwardDone, _Mapping]] = ..., commit: _Optional[_Union[TrainResponse.StepDone, _Mapping]] = ..., abort: _Optional[_Union[TrainResponse.Aborted, _Mapping]] = ..., error: _Optional[_Union[TrainResponse.OperationError, _Mapping]] = ...) -> None: ...

class SaveCheckpointRequest(_message.Message):
    __slots__ = ("trainer_handle", "step")
    TRAINER_HANDLE_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    trainer_handle: str
    step: int
    def __init__(self, trainer_handle: _Optional[str] = ..., step: _Optional[int] = ...) -> None: ...

class SaveCheckpointResponse(_message.Message):
    __slots__ = ("copied", "piece", "saved")
    class Copied(_message.Message):
        __slots__ = ("bytes",)
        BYTES_FIELD_NUMBER: _ClassVar[int]
        bytes: int
        def __init__(self, bytes: _Optional[int] = ...) -> None: ...
    class Piece(_message.Message):
        __slots__ = ("file", "data", "sha256")
        FILE_FIELD_NUMBER: _ClassVar[int]
        DATA_FIELD_NUMBER: _ClassVar[int]
        SHA256_FIELD_NUMBER: _ClassVar[int]
        file: str
        data: bytes
        sha256: str
        def __init__(self, file: _Optional[str] = ..., data: _Optional[bytes] = ..., sha256: _Optional[str] = ...) -> None: ...
    class Saved(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    COPIED_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    SAVED_FIELD_NUMBER: _ClassVar[int]
    copied: SaveCheckpointResponse.Copied
    piece: SaveCheckpointResponse.Piece
    saved: SaveCheckpointResponse.Saved
    def __init__(self, copied: _Optional[_Union[SaveCheckpointResponse.Copied, _Mapping]] = ..., piece: _Optional[_Union[SaveCheckpointResponse.Piece, _Mapping]] = ..., saved: _Optional[_Union[SaveCheckpointResponse.Saved, _Mapping]] = ...) -> None: ...

class LoadCheckpointRequest(_message.Message):
    __slots__ = ("open", "file", "data")
    class Open(_message.Message):
        __slots__ = ("trainer_handle",)
        TRAINER_HANDLE_FIELD_NUMBER: _ClassVar[int]
        trainer_handle: str
        def __init__(self, trainer_handle: _Optional[str] = ...) -> None: ...
    OPEN_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    open: LoadCheckpointRequest.Open
    file: str
    data: bytes
    def __init__(self, open: _Optional[_Union[LoadCheckpointRequest.Open, _Mapping]] = ..., file: _Optional[str] = ..., data: _Optional[bytes] = ...) -> None: ...

class LoadCheckpointResponse(_message.Message):
    __slots__ = ("progress", "loaded")
    class Loaded(_message.Message):
        __slots__ = ("committed_step",)
        COMMITTED_STEP_FIELD_NUMBER: _ClassVar[int]
        committed_step: int
        def __init__(self, committed_step: _Optional[int] = ...) -> None: ...
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    loaded: LoadCheckpointResponse.Loaded
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., loaded: _Optional[_Union[LoadCheckpointResponse.Loaded, _Mapping]] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("model_handle", "path", "merge", "model_card", "replace", "rehearse", "raw", "raw_folder")
    MODEL_HANDLE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    MERGE_FIELD_NUMBER: _ClassVar[int]
    MODEL_CARD_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    REHEARSE_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    RAW_FOLDER_FIELD_NUMBER: _ClassVar[int]
    model_handle: str
    path: str
    merge: bool
    model_card: str
    replace: bool
    rehearse: bool
    raw: bool
    raw_folder: str
    def __init__(self, model_handle: _Optional[str] = ..., path: _Optional[str] = ..., merge: _Optional[bool] = ..., model_card: _Optional[str] = ..., replace: _Optional[bool] = ..., rehearse: _Optional[bool] = ..., raw: _Optional[bool] = ..., raw_folder: _Optional[str] = ...) -> None: ...

class ExportResponse(_message.Message):
    __slots__ = ("progress", "exported")
    class Exported(_message.Message):
        __slots__ = ("path", "files", "difference")
        PATH_FIELD_NUMBER: _ClassVar[int]
        FILES_FIELD_NUMBER: _ClassVar[int]
        DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
        path: str
        files: _containers.RepeatedScalarFieldContainer[str]
        difference: float
        def __init__(self, path: _Optional[str] = ..., files: _Optional[_Iterable[str]] = ..., difference: _Optional[float] = ...) -> None: ...
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    EXPORTED_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    exported: ExportResponse.Exported
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., exported: _Optional[_Union[ExportResponse.Exported, _Mapping]] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("model_handle", "tasks", "batch_size", "limit", "data_folder", "adapter_off")
    class Task(_message.Message):
        __slots__ = ("name", "num_fewshot")
        NAME_FIELD_NUMBER: _ClassVar[int]
        NUM_FEWSHOT_FIELD_NUMBER: _ClassVar[int]
        name: str
        num_fewshot: int
        def __init__(self, name: _Optional[str] = ..., num_fewshot: _Optional[int] = ...) -> None: ...
    MODEL_HANDLE_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    DATA_FOLDER_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_OFF_FIELD_NUMBER: _ClassVar[int]
    model_handle: str
    tasks: _containers.RepeatedCompositeFieldContainer[EvaluateRequest.Task]
    batch_size: int
    limit: int
    data_folder: str
    adapter_off: bool
    def __init__(self, model_handle: _Optional[str] = ..., tasks: _Optional[_Iterable[_Union[EvaluateRequest.Task, _Mapping]]] = ..., batch_size: _Optional[int] = ..., limit: _Optional[int] = ..., data_folder: _Optional[str] = ..., adapter_off: _Optional[bool] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("progress", "documents", "evaluated")
    class Documents(_message.Message):
        __slots__ = ("task", "json")
        TASK_FIELD_NUMBER: _ClassVar[int]
        JSON_FIELD_NUMBER: _ClassVar[int]
        task: str
        json: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, task: _Optional[str] = ..., json: _Optional[_Iterable[str]] = ...) -> None: ...
    class Metric(_message.Message):
        __slots__ = ("name", "filter", "value", "standard_error")
        NAME_FIELD_NUMBER: _ClassVar[int]
        FILTER_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        STANDARD_ERROR_FIELD_NUMBER: _ClassVar[int]
        name: str
        filter: str
        value: float
        standard_error: float
        def __init__(self, name: _Optional[str] = ..., filter: _Optional[str] = ..., value: _Optional[float] = ..., standard_error: _Optional[float] = ...) -> None: ...
    class Score(_message.Message):
        __slots__ = ("task", "version", "num_fewshot", "documents", "content", "metrics", "parts", "source")
        TASK_FIELD_NUMBER: _ClassVar[int]
        VERSION_FIELD_NUMBER: _ClassVar[int]
        NUM_FEWSHOT_FIELD_NUMBER: _ClassVar[int]
        DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
        CONTENT_FIELD_NUMBER: _ClassVar[int]
        METRICS_FIELD_NUMBER: _ClassVar[int]
        PARTS_FIELD_NUMBER: _ClassVar[int]
        SOURCE_FIELD_NUMBER: _ClassVar[int]
        task: str
        version: str
        num_fewshot: int
        documents: int
        content: str
        metrics: _containers.RepeatedCompositeFieldContainer[EvaluateResponse.Metric]
        parts: _containers.RepeatedScalarFieldContainer[str]
        source: str
        def __init__(self, task: _Optional[str] = ..., version: _Optional[str] = ..., num_fewshot: _Optional[int] = ..., documents: _Optional[int] = ..., content: _Optional[str] = ..., metrics: _Optional[_Iterable[_Union[EvaluateResponse.Metric, _Mapping]]] = ..., parts: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ...) -> None: ...
    class Evaluated(_message.Message):
        __slots__ = ("scores", "settings")
        class SettingsEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        SCORES_FIELD_NUMBER: _ClassVar[int]
        SETTINGS_FIELD_NUMBER: _ClassVar[int]
        scores: _containers.RepeatedCompositeFieldContainer[EvaluateResponse.Score]
        settings: _containers.ScalarMap[str, str]
        def __init__(self, scores: _Optional[_Iterable[_Union[EvaluateResponse.Score, _Mapping]]] = ..., settings: _Optional[_Mapping[str, str]] = ...) -> None: ...
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    documents: EvaluateResponse.Documents
    evaluated: EvaluateResponse.Evaluated
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., documents: _Optional[_Union[EvaluateResponse.Documents, _Mapping]] = ..., evaluated: _Optional[_Union[EvaluateResponse.Evaluated, _Mapping]] = ...) -> None: ...

class ReadDatasetRequest(_message.Message):
    __slots__ = ("dataset", "split", "revision", "configuration", "limit")
    DATASET_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    dataset: str
    split: str
    revision: str
    configuration: str
    limit: int
    def __init__(self, dataset: _Optional[str] = ..., split: _Optional[str] = ..., revision: _Optional[str] = ..., configuration: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class ReadDatasetResponse(_message.Message):
    __slots__ = ("json_rows",)
    JSON_ROWS_FIELD_NUMBER: _ClassVar[int]
    json_rows: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, json_rows: _Optional[_Iterable[str]] = ...) -> None: ...
