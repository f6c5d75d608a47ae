"""The models and targets of `benchmarks.litert`, without any framework."""

TIME, INPUTS = 64, 32
# By name: the class in `keras.layers`, and its options.
LAYERS = {
    "LSTM": ("LSTM", {}),
    "GRU reset-after": ("GRU", {"reset_after": True}),
    "GRU reset-before": ("GRU", {"reset_after": False}),
    "RNN": ("SimpleRNN", {}),
}
QUANTIZATIONS = ("none", "dynamic")
# By output, the quantizations of our files; those of the stock ones are `QUANTIZATIONS`.
OUTPUTS = {"sequences": ("none", "dynamic", "float16", "int8"), "last": QUANTIZATIONS}
CONTENDERS = [
    f"{side} {quantization}" for side in ("ours", "stock") for quantization in QUANTIZATIONS
]
STREAMING = {"units": 256, "vocabulary": 96}

# Largest difference from the Keras model, relative to its largest value.
TOLERANCES = {"none": 1e-4, "dynamic": 0.1, "float16": 0.02, "int8": 0.1}

# Largest values: our time over that of the stock file, by output and units; and others by name.
TIME_TARGETS = {
    ("sequences", 128): 0.55,
    ("sequences", 512): 0.85,
    ("last", 128): 0.9,
    ("last", 512): 0.9,
}
TARGETS = {"int8/float time": 1.0, "int8/float size": 0.4, "µs per character": 60.0}
