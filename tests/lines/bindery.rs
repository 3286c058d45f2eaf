//! A fourth line, which the project does not have: books that are printed when they are ordered.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use earmark::domain::flow::NodeFailure;
use earmark::flow::standard::Place;
use earmark::flow::{
    BusinessLine, Definition, DefinitionErrors, ExtensionPoint, Node, NodeCall, NodeError, OrderContext,
    Plugins, Scope, SubChain,
};
use serde::{Deserialize, Serialize};

/// A press that is booked under keys.
pub(crate) trait Press: Send + Sync {
    fn book(&self, key: &str);
    fn free(&self, key: &str);
}

impl ExtensionPoint for dyn Press {
    const NAME: &'static str = "bindery.press";
}

/// The bookings of a press.
#[derive(Default)]
pub(crate) struct Bookings(pub(crate) Mutex<BTreeSet<String>>);

impl Press for Bookings {
    fn book(&self, key: &str) {
        self.0.lock().unwrap().insert(key.to_owned());
    }

    fn free(&self, key: &str) {
        self.0.lock().unwrap().remove(key);
    }
}

/// A book that is ordered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Book {
    pub(crate) order: OrderContext,
    pub(crate) pages: u32,
    pub(crate) press: Option<String>,
    pub(crate) sheets: u32,
    pub(crate) card: Option<String>,
}

/// A present that is wrapped.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Wrapping {
    ribbon: String,
    card: String,
}

impl AsMut<OrderContext> for Book {
    fn as_mut(&mut self) -> &mut OrderContext {
        &mut self.order
    }
}

struct CheckTitle;
struct BookPress;
struct BookPaper;
struct Wrap;
struct ChooseRibbon;
struct WriteCard;

impl Node<Book> for CheckTitle {
    async fn process(&self, book: &mut Book, _: &NodeCall) -> Result<(), NodeError> {
        if book.pages == 0 { Err(NodeError::refused("a book without pages")) } else { Ok(()) }
    }
}

impl Node<Book> for BookPress {
    async fn process(&self, book: &mut Book, call: &NodeCall) -> Result<(), NodeError> {
        call.extension::<dyn Press>()?.book(call.key());
        book.press = Some(call.key().to_owned());
        Ok(())
    }

    async fn rollback(&self, _: &mut Book, _: &NodeFailure, call: &NodeCall) -> Result<(), NodeError> {
        let press = call.extension::<dyn Press>()?;
        call.forward_keys().iter().for_each(|key| press.free(key));
        Ok(())
    }
}

impl Node<Book> for BookPaper {
    async fn process(&self, book: &mut Book, _: &NodeCall) -> Result<(), NodeError> {
        book.sheets = book.pages.div_ceil(16);
        Ok(())
    }
}

impl SubChain<Book> for Wrap {
    type Context = Wrapping;

    fn enter(&self, _: &mut Book, _: &NodeCall) -> Result<Wrapping, NodeError> {
        Ok(Wrapping::default())
    }

    fn leave(&self, book: &mut Book, wrapping: Wrapping, _: &NodeCall) -> Result<(), NodeError> {
        book.card = Some(wrapping.card);
        Ok(())
    }
}

impl Node<Wrapping> for ChooseRibbon {
    async fn process(&self, wrapping: &mut Wrapping, _: &NodeCall) -> Result<(), NodeError> {
        wrapping.ribbon = "red".to_owned();
        Ok(())
    }
}

impl Node<Wrapping> for WriteCard {
    async fn process(&self, wrapping: &mut Wrapping, call: &NodeCall) -> Result<(), NodeError> {
        let to = call.customer().map(ToString::to_string).unwrap_or_default();
        wrapping.card = format!("for {to}, with a {} ribbon", wrapping.ribbon);
        Ok(())
    }
}

pub(crate) struct Bindery(pub(crate) Arc<Bookings>);

impl BusinessLine for Bindery {
    fn definition(&self) -> Result<Definition, DefinitionErrors> {
        Definition::parse("bindery.toml", include_str!("bindery.toml"))
    }

    fn provide(&self, plugins: Plugins) -> Plugins {
        let mine = &Scope::business("bindery".parse().unwrap());
        plugins
            .provide::<dyn Press>(mine.clone(), self.0.clone())
            .node::<Book>(mine, "check-title", CheckTitle)
            .node::<Book>(mine, "book-press", BookPress)
            .node::<Book>(mine, "book-paper", BookPaper)
            .sub_chain::<Book>(mine, "wrap", Wrap)
            .node::<Wrapping>(mine, "choose-ribbon", ChooseRibbon)
            .node::<Wrapping>(mine, "write-card", WriteCard)
            .node::<Book>(mine, "bindery.place", Place)
    }
}
