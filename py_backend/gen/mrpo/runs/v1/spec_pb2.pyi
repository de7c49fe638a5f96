from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunSpec(_message.Message):
    __slots__ = ("preset", "policy", "references", "data", "objective", "training", "generate", "output")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    GENERATE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    preset: str
    policy: Policy
    references: _containers.RepeatedCompositeFieldContainer[Reference]
    data: Data
    objective: Objective
    training: Training
    generate: Generate
    output: OutputChoice
    def __init__(self, preset: _Optional[str] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., references: _Optional[_Iterable[_Union[Reference, _Mapping]]] = ..., data: _Optional[_Union[Data, _Mapping]] = ..., objective: _Optional[_Union[Objective, _Mapping]] = ..., training: _Optional[_Union[Training, _Mapping]] = ..., generate: _Optional[_Union[Generate, _Mapping]] = ..., output: _Optional[_Union[OutputChoice, _Mapping]] = ...) -> None: ...

class OutputChoice(_message.Message):
    __slots__ = ("folder", "reporting")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    REPORTING_FIELD_NUMBER: _ClassVar[int]
    folder: str
    reporting: Output
    def __init__(self, folder: _Optional[str] = ..., reporting: _Optional[_Union[Output, _Mapping]] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("folder", "report_to")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    REPORT_TO_FIELD_NUMBER: _ClassVar[int]
    folder: str
    report_to: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, folder: _Optional[str] = ..., report_to: _Optional[_Iterable[str]] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("model", "revision", "adapter", "quantization", "dtype", "chat_template", "lora", "gradient_checkpointing")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    CHAT_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    LORA_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CHECKPOINTING_FIELD_NUMBER: _ClassVar[int]
    model: str
    revision: str
    adapter: str
    quantization: str
    dtype: str
    chat_template: str
    lora: LoraChoice
    gradient_checkpointing: str
    def __init__(self, model: _Optional[str] = ..., revision: _Optional[str] = ..., adapter: _Optional[str] = ..., quantization: _Optional[str] = ..., dtype: _Optional[str] = ..., chat_template: _Optional[str] = ..., lora: _Optional[_Union[LoraChoice, _Mapping]] = ..., gradient_checkpointing: _Optional[str] = ...) -> None: ...

class LoraChoice(_message.Message):
    __slots__ = ("off", "adapter")
    OFF_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    off: bool
    adapter: Lora
    def __init__(self, off: _Optional[bool] = ..., adapter: _Optional[_Union[Lora, _Mapping]] = ...) -> None: ...

class Lora(_message.Message):
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

class Reference(_message.Message):
    __slots__ = ("name", "model", "revision", "adapter", "quantization", "dtype", "chat_template", "token_ids")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ADAPTER_FIELD_NUMBER: _ClassVar[int]
    QUANTIZATION_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    CHAT_TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_IDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    model: str
    revision: str
    adapter: str
    quantization: str
    dtype: str
    chat_template: str
    token_ids: str
    def __init__(self, name: _Optional[str] = ..., model: _Optional[str] = ..., revision: _Optional[str] = ..., adapter: _Optional[str] = ..., quantization: _Optional[str] = ..., dtype: _Optional[str] = ..., chat_template: _Optional[str] = ..., token_ids: _Optional[str] = ...) -> None: ...

class Data(_message.Message):
    __slots__ = ("train", "eval", "format", "columns", "pairing", "score", "verdict", "lower_is_better", "ignore", "messages", "strict", "limit", "max_unpacked_gb", "max_length", "truncation", "template", "score_turns")
    class VerdictEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TRAIN_FIELD_NUMBER: _ClassVar[int]
    EVAL_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    PAIRING_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    LOWER_IS_BETTER_FIELD_NUMBER: _ClassVar[int]
    IGNORE_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MAX_UNPACKED_GB_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    TRUNCATION_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    SCORE_TURNS_FIELD_NUMBER: _ClassVar[int]
    train: TrainChoice
    eval: EvalChoice
    format: str
    columns: Columns
    pairing: str
    score: str
    verdict: _containers.ScalarMap[str, str]
    lower_is_better: bool
    ignore: _containers.RepeatedScalarFieldContainer[str]
    messages: Messages
    strict: bool
    limit: int
    max_unpacked_gb: float
    max_length: int
    truncation: str
    template: str
    score_turns: str
    def __init__(self, train: _Optional[_Union[TrainChoice, _Mapping]] = ..., eval: _Optional[_Union[EvalChoice, _Mapping]] = ..., format: _Optional[str] = ..., columns: _Optional[_Union[Columns, _Mapping]] = ..., pairing: _Optional[str] = ..., score: _Optional[str] = ..., verdict: _Optional[_Mapping[str, str]] = ..., lower_is_better: _Optional[bool] = ..., ignore: _Optional[_Iterable[str]] = ..., messages: _Optional[_Union[Messages, _Mapping]] = ..., strict: _Optional[bool] = ..., limit: _Optional[int] = ..., max_unpacked_gb: _Optional[float] = ..., max_length: _Optional[int] = ..., truncation: _Optional[str] = ..., template: _Optional[str] = ..., score_turns: _Optional[str] = ...) -> None: ...

class TrainChoice(_message.Message):
    __slots__ = ("path", "source", "list")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    path: str
    source: TrainSource
    list: TrainSourceList
    def __init__(self, path: _Optional[str] = ..., source: _Optional[_Union[TrainSource, _Mapping]] = ..., list: _Optional[_Union[TrainSourceList, _Mapping]] = ...) -> None: ...

class TrainSourceList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[TrainSourceItem]
    def __init__(self, values: _Optional[_Iterable[_Union[TrainSourceItem, _Mapping]]] = ...) -> None: ...

class TrainSourceItem(_message.Message):
    __slots__ = ("path", "source")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    path: str
    source: TrainSource
    def __init__(self, path: _Optional[str] = ..., source: _Optional[_Union[TrainSource, _Mapping]] = ...) -> None: ...

class TrainSource(_message.Message):
    __slots__ = ("path", "config", "split", "revision", "format", "columns", "verdict", "pairing", "score", "lower_is_better", "ignore", "messages", "weight")
    class VerdictEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PATH_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    PAIRING_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    LOWER_IS_BETTER_FIELD_NUMBER: _ClassVar[int]
    IGNORE_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    path: str
    config: str
    split: str
    revision: str
    format: str
    columns: Columns
    verdict: _containers.ScalarMap[str, str]
    pairing: str
    score: str
    lower_is_better: bool
    ignore: _containers.RepeatedScalarFieldContainer[str]
    messages: Messages
    weight: float
    def __init__(self, path: _Optional[str] = ..., config: _Optional[str] = ..., split: _Optional[str] = ..., revision: _Optional[str] = ..., format: _Optional[str] = ..., columns: _Optional[_Union[Columns, _Mapping]] = ..., verdict: _Optional[_Mapping[str, str]] = ..., pairing: _Optional[str] = ..., score: _Optional[str] = ..., lower_is_better: _Optional[bool] = ..., ignore: _Optional[_Iterable[str]] = ..., messages: _Optional[_Union[Messages, _Mapping]] = ..., weight: _Optional[float] = ...) -> None: ...

class EvalChoice(_message.Message):
    __slots__ = ("share", "count", "path", "source", "list")
    SHARE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    share: float
    count: int
    path: str
    source: EvalSource
    list: EvalSourceList
    def __init__(self, share: _Optional[float] = ..., count: _Optional[int] = ..., path: _Optional[str] = ..., source: _Optional[_Union[EvalSource, _Mapping]] = ..., list: _Optional[_Union[EvalSourceList, _Mapping]] = ...) -> None: ...

class EvalSourceList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[EvalSourceItem]
    def __init__(self, values: _Optional[_Iterable[_Union[EvalSourceItem, _Mapping]]] = ...) -> None: ...

class EvalSourceItem(_message.Message):
    __slots__ = ("path", "source")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    path: str
    source: EvalSource
    def __init__(self, path: _Optional[str] = ..., source: _Optional[_Union[EvalSource, _Mapping]] = ...) -> None: ...

class EvalSource(_message.Message):
    __slots__ = ("path", "config", "split", "revision", "format", "columns", "verdict", "pairing", "score", "lower_is_better", "ignore", "messages")
    class VerdictEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PATH_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    PAIRING_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    LOWER_IS_BETTER_FIELD_NUMBER: _ClassVar[int]
    IGNORE_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    path: str
    config: str
    split: str
    revision: str
    format: str
    columns: Columns
    verdict: _containers.ScalarMap[str, str]
    pairing: str
    score: str
    lower_is_better: bool
    ignore: _containers.RepeatedScalarFieldContainer[str]
    messages: Messages
    def __init__(self, path: _Optional[str] = ..., config: _Optional[str] = ..., split: _Optional[str] = ..., revision: _Optional[str] = ..., format: _Optional[str] = ..., columns: _Optional[_Union[Columns, _Mapping]] = ..., verdict: _Optional[_Mapping[str, str]] = ..., pairing: _Optional[str] = ..., score: _Optional[str] = ..., lower_is_better: _Optional[bool] = ..., ignore: _Optional[_Iterable[str]] = ..., messages: _Optional[_Union[Messages, _Mapping]] = ...) -> None: ...

class Columns(_message.Message):
    __slots__ = ("prompt", "chosen", "rejected", "system", "history", "input", "a", "b", "verdict", "score_a", "score_b", "answers", "answer", "tools")
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    A_FIELD_NUMBER: _ClassVar[int]
    B_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    SCORE_A_FIELD_NUMBER: _ClassVar[int]
    SCORE_B_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    prompt: str
    chosen: str
    rejected: str
    system: str
    history: str
    input: str
    a: str
    b: str
    verdict: str
    score_a: str
    score_b: str
    answers: str
    answer: str
    tools: str
    def __init__(self, prompt: _Optional[str] = ..., chosen: _Optional[str] = ..., rejected: _Optional[str] = ..., system: _Optional[str] = ..., history: _Optional[str] = ..., input: _Optional[str] = ..., a: _Optional[str] = ..., b: _Optional[str] = ..., verdict: _Optional[str] = ..., score_a: _Optional[str] = ..., score_b: _Optional[str] = ..., answers: _Optional[str] = ..., answer: _Optional[str] = ..., tools: _Optional[str] = ...) -> None: ...

class Messages(_message.Message):
    __slots__ = ("role", "content", "roles")
    class RolesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ROLE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    role: str
    content: str
    roles: _containers.ScalarMap[str, str]
    def __init__(self, role: _Optional[str] = ..., content: _Optional[str] = ..., roles: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Objective(_message.Message):
    __slots__ = ("loss", "variant", "beta", "normalization", "label_smoothing", "clip", "weights", "weights_on", "pooling", "official_code", "gamma", "alpha", "module")
    LOSS_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    BETA_FIELD_NUMBER: _ClassVar[int]
    NORMALIZATION_FIELD_NUMBER: _ClassVar[int]
    LABEL_SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    CLIP_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_ON_FIELD_NUMBER: _ClassVar[int]
    POOLING_FIELD_NUMBER: _ClassVar[int]
    OFFICIAL_CODE_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    MODULE_FIELD_NUMBER: _ClassVar[int]
    loss: str
    variant: str
    beta: float
    normalization: str
    label_smoothing: float
    clip: Clip
    weights: Weights
    weights_on: str
    pooling: Pooling
    official_code: bool
    gamma: float
    alpha: float
    module: str
    def __init__(self, loss: _Optional[str] = ..., variant: _Optional[str] = ..., beta: _Optional[float] = ..., normalization: _Optional[str] = ..., label_smoothing: _Optional[float] = ..., clip: _Optional[_Union[Clip, _Mapping]] = ..., weights: _Optional[_Union[Weights, _Mapping]] = ..., weights_on: _Optional[str] = ..., pooling: _Optional[_Union[Pooling, _Mapping]] = ..., official_code: _Optional[bool] = ..., gamma: _Optional[float] = ..., alpha: _Optional[float] = ..., module: _Optional[str] = ...) -> None: ...

class Clip(_message.Message):
    __slots__ = ("off", "fixed", "adaptive")
    OFF_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    ADAPTIVE_FIELD_NUMBER: _ClassVar[int]
    off: ClipOff
    fixed: ClipFixed
    adaptive: ClipAdaptive
    def __init__(self, off: _Optional[_Union[ClipOff, _Mapping]] = ..., fixed: _Optional[_Union[ClipFixed, _Mapping]] = ..., adaptive: _Optional[_Union[ClipAdaptive, _Mapping]] = ...) -> None: ...

class ClipOff(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClipFixed(_message.Message):
    __slots__ = ("epsilon",)
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    epsilon: float
    def __init__(self, epsilon: _Optional[float] = ...) -> None: ...

class ClipAdaptive(_message.Message):
    __slots__ = ("epsilon_max",)
    EPSILON_MAX_FIELD_NUMBER: _ClassVar[int]
    epsilon_max: float
    def __init__(self, epsilon_max: _Optional[float] = ...) -> None: ...

class Weights(_message.Message):
    __slots__ = ("name", "list", "settings")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    list: NumberList
    settings: WeightMethod
    def __init__(self, name: _Optional[str] = ..., list: _Optional[_Union[NumberList, _Mapping]] = ..., settings: _Optional[_Union[WeightMethod, _Mapping]] = ...) -> None: ...

class NumberList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, values: _Optional[_Iterable[float]] = ...) -> None: ...

class WeightMethod(_message.Message):
    __slots__ = ("swcw", "tsw")
    SWCW_FIELD_NUMBER: _ClassVar[int]
    TSW_FIELD_NUMBER: _ClassVar[int]
    swcw: Swcw
    tsw: Tsw
    def __init__(self, swcw: _Optional[_Union[Swcw, _Mapping]] = ..., tsw: _Optional[_Union[Tsw, _Mapping]] = ...) -> None: ...

class Swcw(_message.Message):
    __slots__ = ("window",)
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    window: int
    def __init__(self, window: _Optional[int] = ...) -> None: ...

class Tsw(_message.Message):
    __slots__ = ("prior", "seed")
    PRIOR_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    prior: float
    seed: int
    def __init__(self, prior: _Optional[float] = ..., seed: _Optional[int] = ...) -> None: ...

class Pooling(_message.Message):
    __slots__ = ("name", "mean")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    name: str
    mean: PowerMean
    def __init__(self, name: _Optional[str] = ..., mean: _Optional[_Union[PowerMean, _Mapping]] = ...) -> None: ...

class PowerMean(_message.Message):
    __slots__ = ("power",)
    POWER_FIELD_NUMBER: _ClassVar[int]
    power: float
    def __init__(self, power: _Optional[float] = ...) -> None: ...

class Training(_message.Message):
    __slots__ = ("learning_rate", "lr_scheduler_type", "warmup_ratio", "epochs", "max_steps", "batch_size", "micro_batch_tokens", "optim", "adam_beta1", "adam_beta2", "adam_epsilon", "weight_decay", "max_grad_norm", "eval_steps", "save_steps", "save_total_limit", "metric_for_best_model", "load_best_model_at_end", "early_stopping_patience", "max_seconds", "on_divergence", "logging_steps", "seed", "deterministic")
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    LR_SCHEDULER_TYPE_FIELD_NUMBER: _ClassVar[int]
    WARMUP_RATIO_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    MAX_STEPS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    MICRO_BATCH_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OPTIM_FIELD_NUMBER: _ClassVar[int]
    ADAM_BETA1_FIELD_NUMBER: _ClassVar[int]
    ADAM_BETA2_FIELD_NUMBER: _ClassVar[int]
    ADAM_EPSILON_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    MAX_GRAD_NORM_FIELD_NUMBER: _ClassVar[int]
    EVAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    SAVE_STEPS_FIELD_NUMBER: _ClassVar[int]
    SAVE_TOTAL_LIMIT_FIELD_NUMBER: _ClassVar[int]
    METRIC_FOR_BEST_MODEL_FIELD_NUMBER: _ClassVar[int]
    LOAD_BEST_MODEL_AT_END_FIELD_NUMBER: _ClassVar[int]
    EARLY_STOPPING_PATIENCE_FIELD_NUMBER: _ClassVar[int]
    MAX_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ON_DIVERGENCE_FIELD_NUMBER: _ClassVar[int]
    LOGGING_STEPS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DETERMINISTIC_FIELD_NUMBER: _ClassVar[int]
    learning_rate: float
    lr_scheduler_type: str
    warmup_ratio: float
    epochs: float
    max_steps: int
    batch_size: int
    micro_batch_tokens: int
    optim: str
    adam_beta1: float
    adam_beta2: float
    adam_epsilon: float
    weight_decay: float
    max_grad_norm: float
    eval_steps: Rhythm
    save_steps: SaveRhythm
    save_total_limit: int
    metric_for_best_model: str
    load_best_model_at_end: bool
    early_stopping_patience: int
    max_seconds: TimeSpan
    on_divergence: str
    logging_steps: int
    seed: int
    deterministic: bool
    def __init__(self, learning_rate: _Optional[float] = ..., lr_scheduler_type: _Optional[str] = ..., warmup_ratio: _Optional[float] = ..., epochs: _Optional[float] = ..., max_steps: _Optional[int] = ..., batch_size: _Optional[int] = ..., micro_batch_tokens: _Optional[int] = ..., optim: _Optional[str] = ..., adam_beta1: _Optional[float] = ..., adam_beta2: _Optional[float] = ..., adam_epsilon: _Optional[float] = ..., weight_decay: _Optional[float] = ..., max_grad_norm: _Optional[float] = ..., eval_steps: _Optional[_Union[Rhythm, _Mapping]] = ..., save_steps: _Optional[_Union[SaveRhythm, _Mapping]] = ..., save_total_limit: _Optional[int] = ..., metric_for_best_model: _Optional[str] = ..., load_best_model_at_end: _Optional[bool] = ..., early_stopping_patience: _Optional[int] = ..., max_seconds: _Optional[_Union[TimeSpan, _Mapping]] = ..., on_divergence: _Optional[str] = ..., logging_steps: _Optional[int] = ..., seed: _Optional[int] = ..., deterministic: _Optional[bool] = ...) -> None: ...

class Rhythm(_message.Message):
    __slots__ = ("steps", "time")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    steps: int
    time: str
    def __init__(self, steps: _Optional[int] = ..., time: _Optional[str] = ...) -> None: ...

class SaveRhythm(_message.Message):
    __slots__ = ("steps", "time", "off")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    OFF_FIELD_NUMBER: _ClassVar[int]
    steps: int
    time: str
    off: bool
    def __init__(self, steps: _Optional[int] = ..., time: _Optional[str] = ..., off: _Optional[bool] = ...) -> None: ...

class TimeSpan(_message.Message):
    __slots__ = ("seconds", "time")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    time: str
    def __init__(self, seconds: _Optional[float] = ..., time: _Optional[str] = ...) -> None: ...

class Generate(_message.Message):
    __slots__ = ("samples", "max_new_tokens")
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    MAX_NEW_TOKENS_FIELD_NUMBER: _ClassVar[int]
    samples: int
    max_new_tokens: int
    def __init__(self, samples: _Optional[int] = ..., max_new_tokens: _Optional[int] = ...) -> None: ...
