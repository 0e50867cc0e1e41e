"""Convert: weights that a repository has only as PyTorch files, made into safetensors.

Nothing but tensors is read from them, so no code in them is run.
"""

from __future__ import annotations

from pathlib import Path

from ushaped.errors import UserError
from ushaped.files import delete_abandoned, whole, write_json

PACKED = "pytorch_model*.bin"


def convert(folder: Path, where: str) -> None:
    """Write each PyTorch file of a folder again as safetensors, then delete it.

    A file at a time is in memory. The PyTorch files go last, so a conversion that was cut off is
    seen by them and can be done again.

    Parameters
    ----------
    folder : Path
        With files ``pytorch_model*.bin``.
    where : str
        What a message calls the model.

    Raises
    ------
    UserError
        If a file holds anything but tensors, or is damaged.
    """
    files = sorted(folder.glob(PACKED))
    index: dict[str, str] = {}
    total = 0
    for source in files:
        name = source.name.replace("pytorch_model", "model").replace(".bin", ".safetensors")
        tensors, size = _written(source, folder / name, where)
        index |= dict.fromkeys(tensors, name)
        total += size
    if len(files) > 1:
        told = {"metadata": {"total_size": total}, "weight_map": index}
        write_json(folder / "model.safetensors.index.json", told)
    for source in files:
        source.unlink()


def _written(source: Path, target: Path, where: str) -> tuple[list[str], int]:
    """Names and bytes of the tensors of one file, written as safetensors."""
    import torch
    from safetensors.torch import save_file

    try:
        read = torch.load(source, map_location="cpu", weights_only=True)
        # Tensors that share memory must become copies: safetensors holds each on its own.
        tensors = {name: tensor.contiguous().clone() for name, tensor in read.items()}
    except Exception as error:  # whatever torch raises, the user needs the file's name
        first = str(error).strip().split("\n")[0]
        raise UserError(
            where,
            f"{source.name} cannot be converted ({first})",
            "give the folder of a copy with safetensors as 'path:'",
        ) from error
    del read
    delete_abandoned(target)
    with whole(target) as beside:
        save_file(tensors, beside, metadata={"format": "pt"})
    return list(tensors), sum(tensor.nbytes for tensor in tensors.values())
