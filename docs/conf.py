"""How Sphinx builds this folder: `sphinx-build -W --keep-going -q docs docs/_build/html`. It needs no network."""

import os
import sys
from pathlib import Path

os.environ.setdefault("MPLBACKEND", "agg")
sys.path[:0] = [str(Path(__file__).parent / "_extensions"), str(Path(__file__).parents[1])]

import functrans  # noqa: E402

project = "functrans"
author = "The functrans developers"
copyright = author
release = version = functrans.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "formulas",
    "matplotlib.sphinxext.plot_directive",
    "sphinx_copybutton",
    "sphinx_design",
    "pages",
    "plots",
    "session",
]
exclude_patterns = ["_build", "examples"]

# Pages: MyST, which reads as Markdown on other sites too.
myst_enable_extensions = ["colon_fence", "dollarmath", "amsmath", "deflist", "fieldlist", "attrs_inline"]
myst_heading_anchors = 5
myst_links_external_new_tab = False

# Pictures: each is drawn by the `>>>` lines shown above it, once in a build.
plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("svg", 100)]
plot_rcparams = {"figure.figsize": (6.4, 3.6), "svg.hashsalt": "functrans", "savefig.bbox": "tight"}
plot_apply_rcparams = True

# Examples are copied without prompts and without their output.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# Entries of the API: Google's style, each with the types of its signature.
autosummary_generate = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
add_module_names = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
toc_object_entries_show_parents = "hide"
nitpicky = True
nitpick_ignore_regex = [
    # Other projects' types: there are no entries of theirs without a network.
    ("py:.*", r"(collections\.abc|contextlib|types|typing|numpy|scipy|np|hypothesis|matplotlib)\..*"),
    ("py:class", "SearchStrategy|Axes"),
    # Parameters of types: those of a function, what it gives, what it hands through.
    ("py:class", r"(functrans\.function_types\.)?(P|Q|T|A|T_co)"),
    # What a compiled function keeps to itself.
    ("py:class", r"functrans\.compile\.entry\.Entry"),
]

html_math_renderer = "mathml"
html_theme = "furo"
html_title = "functrans"
html_logo = html_favicon = "_static/logo.svg"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5a8a", "color-brand-content": "#0b5a8a"},
    "dark_css_variables": {"color-brand-primary": "#6cb8ea", "color-brand-content": "#6cb8ea"},
}
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_copy_source = False
html_show_sourcelink = False
