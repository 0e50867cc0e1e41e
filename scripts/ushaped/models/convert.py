"""Conversion of weights that a repository has only as PyTorch files to safetensors.

Nothing but tensors is read from them, so no code in them is run.
"""

from __future__ import annotations

from pathlib import Path

from ushaped.errors import UserError
from ushaped.files import delete_abandoned, whole, write_json

PACKED = "pytorch_model*.bin"


def convert(folder: Path, where: str) -> None:
    """Write each ``pytorch_model*.bin`` of a folder again as safetensors, then delete it.

    One file at a time is in memory. The PyTorch files are deleted last, so that they reveal an
    interrupted conversion, which is then repeated. ``where`` names the model in messages.

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
        tensors, size = _convert_file(source, folder / name, where)
        index |= dict.fromkeys(tensors, name)
        total += size
    if len(files) > 1:
        content = {"metadata": {"total_size": total}, "weight_map": index}
        write_json(folder / "model.safetensors.index.json", content)
    for source in files:
        source.unlink()


def _convert_file(source: Path, target: Path, where: str) -> tuple[list[str], int]:
    """Write one file as safetensors; the names and bytes of its tensors."""
    import torch
    from safetensors.torch import save_file

    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
        # Tensors that share memory must become copies: safetensors stores each on its own.
        tensors = {name: tensor.contiguous().clone() for name, tensor in loaded.items()}
    except Exception as error:  # whatever torch raises, the user needs the file's name
        first = str(error).strip().split("\n")[0]
        raise UserError(
            where,
            f"{source.name} cannot be converted ({first})",
            "give the folder of a copy with safetensors as 'path:'",
        ) from error
    del loaded
    delete_abandoned(target)
    with whole(target) as beside:
        save_file(tensors, beside, metadata={"format": "pt"})
    return list(tensors), sum(tensor.nbytes for tensor in tensors.values())
