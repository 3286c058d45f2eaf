//! The lifecycles of orders as drawings.

use clap::ValueEnum;
use earmark::Lifecycle;

use crate::report;

/// Arguments of `draw`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which lifecycle; all of them when not given.
    #[arg(value_enum)]
    lifecycle: Option<Which>,
    /// The language of the drawing.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Placed, paid, shipped, delivered.
    Simple,
    /// Picked and packed too, confirmed, completed, with timers.
    Physical,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A state diagram that many pages render.
    #[default]
    Mermaid,
    /// A graph for Graphviz.
    Dot,
}

/// Prints the drawings.
pub(crate) fn run(arguments: &Arguments) -> bool {
    report::text(&drawings(arguments.lifecycle, arguments.format));
    true
}

fn drawings(which: Option<Which>, format: Format) -> String {
    let chosen: Vec<&Lifecycle> = match which {
        Some(Which::Simple) => vec![Lifecycle::simple()],
        Some(Which::Physical) => vec![Lifecycle::physical()],
        None => Lifecycle::all().to_vec(),
    };
    let draw = |lifecycle: &Lifecycle| match format {
        Format::Mermaid => lifecycle.to_mermaid(),
        Format::Dot => lifecycle.to_dot(),
    };
    chosen.into_iter().map(draw).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_lifecycles_shows_what_the_command_prints() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/lifecycles.md");
        let page = std::fs::read_to_string(page).unwrap();
        for which in [Which::Simple, Which::Physical] {
            let block = format!("```mermaid\n{}```\n", drawings(Some(which), Format::Mermaid));
            assert!(
                page.contains(&block),
                "docs/lifecycles.md differs from `loadtest draw` for {which:?}:\n{block}"
            );
        }
    }

    #[test]
    fn without_a_name_every_lifecycle_is_drawn() {
        let all = drawings(None, Format::Dot);
        assert_eq!(all.matches("digraph").count(), Lifecycle::all().len());
        assert!(all.contains(&drawings(Some(Which::Physical), Format::Dot)));
    }
}
