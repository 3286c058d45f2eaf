//! The actor that an entity lives in: takes its mail, hands it over, puts it to rest.
//!
//! An actor that has nobody to be any more waits for the next entity of its kind, instead of being made anew for each
//! command to an order: a task, its channels and what ractor keeps of it cost as much as deciding on the command.
//!
//! It waits for mail inside the one message that ractor hands it, so that ractor's loop over an actor's four channels
//! is not gone through for each of them. A panic ends it as it ends every actor, and so does a kill; to be stopped in
//! peace it is told in its mailbox (`Address::stop`).

use std::future::poll_fn;
use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime};

use super::core::Core;
use super::mailbox::{Address, Begin, Mail, Opened, Tenant};
use super::registry::Entity;
#[cfg(any(test, feature = "simulation"))]
use crate::port::chaos;

/// So often an actor looks into its mailbox before it lets others run.
const TURNS_MAX: u32 = 8;

struct Host<E>(std::marker::PhantomData<fn() -> E>);

/// What the actor owns.
struct Housed<E: Entity> {
    core: Arc<Core>,
    mail: Arc<Mail<E>>,
    batch: Vec<E::Message>,
    /// Who it is, with its address; nobody while it waits for its next entity.
    live: Option<(E::Live, Address<E>)>,
}

impl<E: Entity> Drop for Housed<E> {
    /// Also when the actor panics or is stopped.
    fn drop(&mut self) {
        self.mail.close();
    }
}

/// Starts an actor that is nobody yet; `None` where the engine is going down.
pub(super) fn start<E: Entity>(core: &Arc<Core>) -> Option<Address<E>> {
    let mail = Arc::new(Mail::new());
    let housed = Housed { core: core.clone(), mail: mail.clone(), batch: Vec::new(), live: None };
    let host = Host::<E>(std::marker::PhantomData);
    let (actor, _) = ActorRuntime::spawn_instant(None, host, housed).ok()?;
    actor.send_message(Begin).ok()?;
    mail.belongs_to(actor);
    Some(Address::new(mail, 0))
}

impl<E: Entity> Actor for Host<E> {
    type Msg = Begin;
    type State = Housed<E>;
    type Arguments = Housed<E>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Begin>,
        housed: Housed<E>,
    ) -> Result<Housed<E>, ActorProcessingErr> {
        Ok(housed)
    }

    async fn handle(
        &self,
        myself: ActorRef<Begin>,
        _: Begin,
        housed: &mut Housed<E>,
    ) -> Result<(), ActorProcessingErr> {
        let mut turns = 0;
        loop {
            if turns == TURNS_MAX {
                turns = 0;
                tokio::task::yield_now().await;
            }
            turns += 1;
            let Housed { mail, batch, .. } = &mut *housed;
            let opened = poll_fn(|actor| {
                let opened = mail.open(batch, actor);
                if opened.is_pending() {
                    turns = 0;
                }
                opened
            });
            match opened.await {
                Opened::Stopped => return Ok(()),
                Opened::Messages => {}
                Opened::Moved(Tenant { id, rest }, tenancy) => {
                    let address = Address::new(housed.mail.clone(), tenancy);
                    housed.live = Some((E::wake(&housed.core, id, rest)?, address));
                }
            }
            let Housed { core, batch, live, mail } = housed;
            let Some((entity, address)) = live else {
                // Mail for nobody.
                batch.clear();
                continue;
            };
            for message in batch.drain(..) {
                #[cfg(any(test, feature = "simulation"))]
                chaos::give_way().await;
                E::handle(entity, address, message);
            }
            if E::done(entity) && E::registry(core).rest(entity, mail) {
                *live = None;
                let tenancy = mail.vacate();
                if !E::registry(core).keep(Address::new(mail.clone(), tenancy)) {
                    myself.stop(None);
                    return Ok(());
                }
            }
        }
    }
}
