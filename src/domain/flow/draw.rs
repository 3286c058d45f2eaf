//! Chains as drawings: Mermaid for pages, DOT for Graphviz.
//!
//! Both show the same. Stages stand one behind the other, the nodes of a parallel group side by side, a sub-chain
//! in a box with the node that carries it. Whole lines lead forward, dashed ones back.

use std::fmt::Write as _;

use super::chain::{AfterCrash, Chain, Effect, KeyScope, NodeSpec, Retry, Rulebook, Work};

/// A way to write a drawing down. Nodes have numbers; the two ends have names.
trait Pen {
    fn begin(&mut self, title: &str);
    fn ends(&mut self);
    fn node(&mut self, id: &str, node: &NodeSpec, marks: &[String]);
    fn leave(&mut self, id: &str, node: &NodeSpec);
    fn open_box(&mut self, id: &str, title: &str);
    fn close_box(&mut self);
    fn forward(&mut self, from: &[String], to: &[String]);
    fn back(&mut self, from: &[String], to: &[String]);
    fn end(&mut self);
}

const BEGIN: &str = "begin";
const DONE: &str = "done";
const UNDONE: &str = "undone";

impl Rulebook {
    /// One of the chains as a Mermaid flowchart, with the sub-chains that a flow of this scene goes through.
    #[must_use]
    pub fn to_mermaid(&self, chain: &Chain, scene: &str) -> String {
        let mut pen = Mermaid { text: String::new(), depth: 1 };
        self.draw(chain, scene, &mut pen);
        pen.text
    }

    /// The same as a DOT graph.
    #[must_use]
    pub fn to_dot(&self, chain: &Chain, scene: &str) -> String {
        let mut pen = Dot { text: String::new(), depth: 1 };
        self.draw(chain, scene, &mut pen);
        pen.text
    }

    fn draw(&self, chain: &Chain, scene: &str, pen: &mut dyn Pen) {
        pen.begin(&format!("{}: {} ({scene})", self.business, chain.name));
        pen.ends();
        let mut drawing = Drawing { rules: self, scene, pen, path: vec![&chain.name], count: 0 };
        let last = drawing.stages(chain, End { front: vec![BEGIN.into()], back: vec![UNDONE.into()] });
        drawing.pen.forward(&last.front, &[DONE.into()]);
        pen.end();
    }
}

/// Where the next stage begins: what leads to it, and what it leads back to.
struct End {
    front: Vec<String>,
    back: Vec<String>,
}

struct Drawing<'a> {
    rules: &'a Rulebook,
    scene: &'a str,
    pen: &'a mut dyn Pen,
    /// The chains that are being drawn, outermost first: none is drawn within itself.
    path: Vec<&'a str>,
    count: usize,
}

impl<'a> Drawing<'a> {
    /// Draws the stages of a chain behind `before`.
    fn stages(&mut self, chain: &'a Chain, before: End) -> End {
        let mut before = before;
        for range in chain.ranges() {
            let nodes = chain.nodes.get(range).unwrap_or_default();
            let mut after = End { front: Vec::new(), back: Vec::new() };
            let mut entries = Vec::new();
            for node in nodes {
                let (entry, exit) = self.node(node);
                entries.push(entry);
                after.front.push(exit.clone());
                after.back.push(exit);
            }
            self.pen.forward(&before.front, &entries);
            self.pen.back(&entries, &before.back);
            before = after;
        }
        before
    }

    /// Draws a node, with its sub-chain if it has one; answers where it is entered and where it is left.
    fn node(&mut self, node: &'a NodeSpec) -> (String, String) {
        self.count += 1;
        let id = format!("n{}", self.count);
        let Some(chain) = self.sub_chain(node) else {
            self.pen.node(&id, node, &marks(node));
            return (id.clone(), id);
        };
        self.path.push(&chain.name);
        self.pen.open_box(&id, &format!("chain {}", chain.name));
        self.pen.node(&id, node, &marks(node));
        let last = self.stages(chain, End { front: vec![id.clone()], back: vec![id.clone()] });
        let exit = format!("{id}_left");
        self.pen.leave(&exit, node);
        self.pen.forward(&last.front, std::slice::from_ref(&exit));
        self.pen.back(std::slice::from_ref(&exit), &last.back);
        self.pen.close_box();
        self.path.pop();
        (id, exit)
    }

    fn sub_chain(&self, node: &NodeSpec) -> Option<&'a Chain> {
        let Work::Chain { chain, .. } = &node.work else { return None };
        self.rules.chain(chain, self.scene).filter(|chain| !self.path.contains(&chain.name.as_str()))
    }
}

/// What is to be known of a node, a line each, without what goes without saying.
fn marks(node: &NodeSpec) -> Vec<String> {
    let (Work::Provider(provider) | Work::Chain { provider, .. }) = &node.work;
    let effect = match node.effect {
        Effect::External => "effect: external",
        Effect::Engine => "effect: engine",
        Effect::None => "effect: none",
    };
    let after_crash = match node.after_crash {
        AfterCrash::Retry => None,
        AfterCrash::Resume => Some("after a crash: resume"),
        AfterCrash::Compensate => Some("after a crash: compensate"),
    };
    let rollback = (node.rollback_retry != Retry::ROLLBACK).then(|| match node.rollback_retry.retries {
        0 => "rollback: no retries".to_owned(),
        _ => format!("rollback: {}", retries(&node.rollback_retry)),
    });
    let optional = [
        (provider != &node.name).then(|| format!("uses {provider}")),
        Some(effect.to_owned()),
        after_crash.map(str::to_owned),
        (node.key == KeyScope::Node).then(|| "one key for all attempts".to_owned()),
        (node.retry.retries > 0).then(|| retries(&node.retry)),
        node.timeout_ms.map(|millis| format!("timeout {}", length(millis))),
        node.when.as_ref().map(|switch| format!("only in {switch}")),
        node.rollback_self.then(|| "rolls itself back".to_owned()),
        rollback,
    ];
    optional.into_iter().flatten().collect()
}

fn retries(retry: &Retry) -> String {
    let (first, longest) = (length(retry.backoff_ms), length(retry.backoff_max_ms));
    let word = if retry.retries == 1 { "retry" } else { "retries" };
    format!("{} {word}, {first} to {longest}", retry.retries)
}

/// A length of time in the largest unit that leaves no rest.
fn length(millis: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let unit = units.iter().find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{millis} ms"), |(unit, name)| format!("{} {name}", millis / unit))
}

struct Mermaid {
    text: String,
    depth: usize,
}

impl Mermaid {
    fn line(&mut self, line: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "{:1$}{line}", "", self.depth * 4);
    }

    fn quoted(text: &str) -> String {
        text.replace('#', "#35;").replace('"', "#quot;").replace('<', "#lt;").replace('>', "#gt;")
    }
}

impl Pen for Mermaid {
    fn begin(&mut self, title: &str) {
        let title = title.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = writeln!(self.text, "---\ntitle: \"{title}\"\n---\nflowchart TB");
    }

    fn ends(&mut self) {
        self.line(&format!("{BEGIN}([begin])"));
        self.line(&format!("{DONE}([done])"));
        self.line(&format!("{UNDONE}([rolled back])"));
        self.line("classDef switched stroke-dasharray: 5 5");
    }

    fn node(&mut self, id: &str, node: &NodeSpec, marks: &[String]) {
        let marks: Vec<_> = marks.iter().map(|mark| Self::quoted(mark)).collect();
        let label = format!("\"<b>{}</b><br>{}\"", Self::quoted(&node.name), marks.join("<br>"));
        let shape = match node.effect {
            Effect::External => format!("{id}[[{label}]]"),
            Effect::Engine => format!("{id}[{label}]"),
            Effect::None => format!("{id}({label})"),
        };
        let class = if node.when.is_some() { ":::switched" } else { "" };
        self.line(&format!("{shape}{class}"));
    }

    fn leave(&mut self, id: &str, node: &NodeSpec) {
        self.line(&format!("{id}([\"{} ends\"])", Self::quoted(&node.name)));
    }

    fn open_box(&mut self, id: &str, title: &str) {
        self.line(&format!("subgraph {id}_box [\"{}\"]", Self::quoted(title)));
        self.depth += 1;
    }

    fn close_box(&mut self) {
        self.depth -= 1;
        self.line("end");
    }

    fn forward(&mut self, from: &[String], to: &[String]) {
        self.line(&format!("{} --> {}", from.join(" & "), to.join(" & ")));
    }

    fn back(&mut self, from: &[String], to: &[String]) {
        self.line(&format!("{} -.-> {}", from.join(" & "), to.join(" & ")));
    }

    fn end(&mut self) {}
}

struct Dot {
    text: String,
    depth: usize,
}

impl Dot {
    fn line(&mut self, line: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "{:1$}{line}", "", self.depth * 4);
    }

    fn quoted(text: &str) -> String {
        text.replace('\\', "\\\\").replace('"', "\\\"")
    }

    fn group(ids: &[String]) -> String {
        match ids {
            [one] => one.clone(),
            many => format!("{{{}}}", many.join(" ")),
        }
    }
}

impl Pen for Dot {
    fn begin(&mut self, title: &str) {
        let _ = writeln!(self.text, "digraph \"{}\" {{", Self::quoted(title));
        self.line("rankdir=TB;");
        self.line("node [shape=box];");
    }

    fn ends(&mut self) {
        self.line(&format!("{BEGIN} [shape=oval];"));
        self.line(&format!("{DONE} [shape=oval];"));
        self.line(&format!("{UNDONE} [shape=oval label=\"rolled back\"];"));
    }

    fn node(&mut self, id: &str, node: &NodeSpec, marks: &[String]) {
        let marks: Vec<_> = marks.iter().map(|mark| Self::quoted(mark)).collect();
        let label = format!("{}\\n{}", Self::quoted(&node.name), marks.join("\\n"));
        let mut styles = Vec::new();
        if node.effect == Effect::None {
            styles.push("rounded");
        }
        if node.when.is_some() {
            styles.push("dashed");
        }
        let style =
            if styles.is_empty() { String::new() } else { format!(" style=\"{}\"", styles.join(",")) };
        let border = if node.effect == Effect::External { " peripheries=2" } else { "" };
        self.line(&format!("{id} [label=\"{label}\"{style}{border}];"));
    }

    fn leave(&mut self, id: &str, node: &NodeSpec) {
        self.line(&format!("{id} [shape=oval label=\"{} ends\"];", Self::quoted(&node.name)));
    }

    fn open_box(&mut self, id: &str, title: &str) {
        self.line(&format!("subgraph cluster_{id} {{"));
        self.depth += 1;
        self.line(&format!("label=\"{}\";", Self::quoted(title)));
    }

    fn close_box(&mut self) {
        self.depth -= 1;
        self.line("}");
    }

    fn forward(&mut self, from: &[String], to: &[String]) {
        self.line(&format!("{} -> {};", Self::group(from), Self::group(to)));
    }

    fn back(&mut self, from: &[String], to: &[String]) {
        self.line(&format!("{} -> {} [style=dashed constraint=false];", Self::group(from), Self::group(to)));
    }

    fn end(&mut self) {
        self.text.push_str("}\n");
    }
}
