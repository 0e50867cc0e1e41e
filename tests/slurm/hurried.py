"""Snakemake, but it asks for the state of its jobs every two seconds.

The plugin for Slurm waits ten seconds longer after every time that it learnt nothing new. On a
cluster that spares the controller; here it would double the time of the tests. Nothing else is
changed.
"""

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.next_seconds_between_status_checks = property(
    lambda executor: 2, lambda executor, seconds: None
)
main()
