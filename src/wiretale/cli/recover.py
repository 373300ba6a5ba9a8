"""`wiretale recover`: make a capture of a recording that did not end in order."""

import shutil
from pathlib import Path

import click

from wiretale.cli.record import summary
from wiretale.cli.recording_options import capture_from_spool, check_output
from wiretale.errors import CaptureError, UsageFault
from wiretale.store.spool import Spool


@click.command()
@click.argument("spool_folder", metavar="SPOOL", type=click.Path(path_type=Path, readable=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, readable=False),
    help="The capture to write (default: the name the recording was to have).",
)
@click.option(
    "--force", is_flag=True, help="Overwrite an existing capture, and recover even while the recorder seems to run."
)
@click.option("--keep-spool", is_flag=True, help="Keep the spool.")
def command(spool_folder: Path, output: Path | None, force: bool, keep_spool: bool) -> None:
    """Make a capture of what a killed or failed recording left in its spool.

    \b
    wiretale recover web.wiretale.spool
    wiretale recover web.wiretale.spool -o rescued.wiretale
    """
    if not spool_folder.is_dir():
        raise CaptureError(
            f"there is no spool folder {spool_folder}",
            "naming the folder NAME.wiretale.spool that a recording left beside its capture",
        )
    spool = Spool(spool_folder)
    spool.read_manifest()  # says what is wrong with it
    recorder = spool.recorder()
    if recorder and not force:
        raise UsageFault(
            f"its recorder (pid {recorder}) is still running",
            "end it first with ^C, or look at what there is with --force --keep-spool",
        )
    target = output or spool_folder.with_name(spool_folder.name.removesuffix(".spool"))
    if target == spool_folder:
        raise UsageFault(
            f"{spool_folder} does not end in .spool, so the capture has no name", "name it with -o FILE.wiretale"
        )
    check_output(target, force=force)
    capture_from_spool(spool, target)
    if not keep_spool:
        shutil.rmtree(spool_folder)
    click.echo(summary(target), err=True)
