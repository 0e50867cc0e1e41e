# Threads, memory, time and GPUs of the jobs, by the size of their model.


def size_priority(wildcards):
    """Priority of a released model by its size: parameters in millions, the largest first.

    A model of unknown size counts as seven billion. Models that are trained here have priority 0:
    Snakemake itself sees the size of their weights.
    """
    if wildcards.model not in FETCHED:
        return 0
    return parameters(wildcards.model) // 10**6


def rung_priority(wildcards):
    """Priority of training by the size of the model, the largest first."""
    return WEIGHT_BYTES[family(wildcards)][wildcards.model] // 1000


def scoring_threads(wildcards):
    """Threads of a scoring job; Snakemake lowers them to the cores that there are.

    Two models of the ladder on one thread each are done sooner than one after the other on two. With
    more for a model on a GPU, the cores would be taken before the GPUs are.
    """
    if wildcards.model not in FETCHED or wildcards.model in SERVED:
        return 1
    return 8 if SCORING["device"] == "cpu" else 2


def parameters(model):
    """Parameters of a released model; seven billion if they are not known."""
    count = MODELS[model]["entry"]["parameters"]
    return 7 * 10**9 if count == UNKNOWN else count


def memory_per_attempt(megabytes):
    """Main memory in MB, more with every attempt: the last one may have run out of it."""

    def memory(wildcards, attempt):
        return megabytes * attempt

    return memory


def scoring_memory(wildcards, attempt):
    """Main memory of a scoring job in MB: the weights, and room to work; more with every attempt."""
    if wildcards.model in FETCHED and wildcards.model not in SERVED:
        # A model in another format is converted to float32 and back when it is checked.
        size = 5 if scoring_dtype() == "float32" or SCORING["device"] == "cpu" else 3
        return (4000 + parameters(wildcards.model) * size // 10**6) * attempt
    return 2000 * attempt


def fetching_memory(wildcards, attempt):
    """Main memory in MB: weights that are not safetensors yet are converted file by file."""
    return min(4000 + parameters(wildcards.model) * 5 // 10**6, 32000) * attempt


def scoring_gpu_memory(wildcards):
    """Memory of each GPU of a scoring job in MB: its part of the weights, and room to work."""
    gpus = scoring_gpus(wildcards)
    if not gpus:
        return 0
    if wildcards.model not in FETCHED:
        return 2000
    size = 4 if scoring_dtype() == "float32" else 2
    return 8000 + parameters(wildcards.model) * size // 10**6 // gpus


def scoring_runtime(wildcards):
    """Minutes of a scoring job: by size, at most a day.

    A job that reaches its time limit has stored its scores, and the next one resumes there.
    """
    if wildcards.model not in FETCHED:
        return 120
    if wildcards.model in SERVED:
        return 24 * 60
    per_minute = 10**6 if SCORING["device"] == "cpu" else 10**8
    return min(120 + parameters(wildcards.model) // per_minute, 24 * 60)


def scoring_gpus(wildcards):
    """GPUs of a scoring job."""
    if SCORING["device"] == "cpu" or wildcards.model in SERVED:
        return 0
    return MODELS[wildcards.model].get("entry", {}).get("gpus", 1)


def scoring_dtype():
    """Number format of the weights."""
    if SCORING["dtype"] == "auto":
        return "float32" if SCORING["device"] == "cpu" else "bfloat16"
    return SCORING["dtype"]
