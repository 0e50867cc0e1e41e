# present: what must lie on this machine is looked for before any job is planned.
#
# Here and not in paths.smk, which `paper` reads once more: what only `snakemake paper` would need must
# not stop another run, and its steps complain themselves.

from ushaped.settings import check_present

try:
    check_present(config | {"output": OUTPUT_ROOT}, REGISTRY, ROOT)
except UserError as error:
    sys.exit(f"error: {error}")
