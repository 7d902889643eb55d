"""Makes a page of a notebook by the project's template: convert.py ROOT FOLDER < NOTEBOOK > PAGE

ROOT is the project's folder, FOLDER the one that the notebook's relative pictures are looked for in. Unlike the program nbconvert, this
reads nobody's settings.
"""

import sys

import nbformat
from nbconvert.exporters import HTMLExporter


def main(root, folder):
    notebook = nbformat.reads(sys.stdin.buffer.read().decode("utf-8"), as_version=4)
    exporter = HTMLExporter(
        template_name="blog",
        # The folder in which a folder `blog` is looked for, and the one that the template's own paths begin at.
        extra_template_basedirs=[f"{root}/lib"],
        extra_template_paths=[root],
        embed_images=True,
    )
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"path": folder}})
    sys.stdout.buffer.write(page.encode("utf-8"))


if __name__ == "__main__":
    main(*sys.argv[1:3])
