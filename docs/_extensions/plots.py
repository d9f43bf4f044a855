"""Pictures that stand in fences of ``eval-rst``: each gets a file of its own."""

from docutils import nodes
from matplotlib.sphinxext.plot_directive import PlotDirective
from sphinx.application import Sphinx


class Plot(PlotDirective):
    """Matplotlib's directive counts the pictures of a document, and MyST makes a document of every fence."""

    def run(self) -> list[nodes.Node]:
        """The picture, numbered within its page."""
        kept = self.state.document.settings.env.temp_data
        self.state_machine.document.attributes["_plot_counter"] = kept.get("pictures", 0)
        kept["pictures"] = kept.get("pictures", 0) + 1
        found: list[nodes.Node] = super().run()
        return found


def setup(app: Sphinx) -> dict[str, bool]:
    """Takes the place of Matplotlib's."""
    app.setup_extension("matplotlib.sphinxext.plot_directive")
    app.add_directive("plot", Plot, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
