//! Lifecycles as drawings: Mermaid for pages, DOT for Graphviz; and what people see, as a table.

use std::fmt::Write as _;

use super::Lifecycle;

impl Lifecycle {
    /// The lifecycle as a Mermaid state diagram.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut text =
            format!("---\ntitle: {}\n---\nstateDiagram-v2\n    [*] --> {}\n", self.name, self.initial);
        for (from, action, to) in self.rows {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "    {from} --> {to}: {action:?}");
        }
        for state in self.terminal {
            let _ = writeln!(text, "    {state} --> [*]");
        }
        text
    }

    /// The lifecycle as a DOT graph.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut text = format!("digraph \"{}\" {{\n    rankdir=LR;\n    node [shape=box];\n", self.name);
        for state in self.terminal {
            // Writing to a text cannot fail.
            let _ = writeln!(text, "    {state} [peripheries=2];");
        }
        for (from, action, to) in self.rows {
            let _ = writeln!(text, "    {from} -> {to} [label=\"{action:?}\"];");
        }
        text.push_str("}\n");
        text
    }

    /// What system, merchant and buyer see in each state, as a table in Markdown.
    #[must_use]
    pub fn to_views(&self) -> String {
        let mut text = String::from("| state | system | merchant | buyer |\n| --- | --- | --- | --- |\n");
        for view in self.views {
            // Writing to a text cannot fail.
            let _ =
                writeln!(text, "| `{}` | {} | {} | {} |", view.state, view.system, view.merchant, view.buyer);
        }
        text
    }
}
