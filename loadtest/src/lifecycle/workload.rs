//! What each order will ask for, drawn from the seed and the order's number alone: the same whatever the
//! callers, the machine and the answers are. So the proof can draw it again instead of keeping it.

use anyhow::{Context, Result};
use earmark::{
    BusinessId, CartId, Currency, CustomerId, Delivery, LineQuantity, LineRequest, OrderId, OrderType,
    PlaceOrder, SkuId,
};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Zipf};
use smol_str::format_smolstr;

use super::shares::{Fate, Shares};

/// Most lines of an order.
const LINES_MAX: usize = 5;

/// Most units of a line.
const UNITS_MAX: u32 = 3;

/// Businesses that sell.
pub(crate) const BUSINESSES: u64 = 4;

/// Customers that buy.
const CUSTOMERS: u64 = 50_000;

/// Draws of a SKU before an order makes do with fewer lines: with few SKUs there may be no other.
const DRAWS_MAX: usize = 40;

/// What the orders are drawn from.
pub(crate) struct Workload {
    seed: u64,
    shares: Shares,
    skus: Vec<SkuId>,
    hot_skus: usize,
    popularity: Zipf<f64>,
}

/// How a payment comes twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twice {
    /// With the same payment id.
    Id,
    /// With the same idempotency key, at the same time.
    Key,
    /// As another payment of the same amount.
    Amount,
}

/// One line: which SKU by its number, how many units, for how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DraftLine {
    pub(crate) sku: usize,
    pub(crate) units: u32,
    pub(crate) gross: i64,
    pub(crate) shipping: i64,
}

/// What one order will do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Draft {
    pub(crate) number: u64,
    pub(crate) lines: Vec<DraftLine>,
    pub(crate) fate: Fate,
    pub(crate) twice: Option<Twice>,
    pub(crate) from_cart: bool,
    pub(crate) partial: bool,
    pub(crate) new_address: bool,
    pub(crate) confirms: bool,
    /// A cancellation after payment comes when the goods have been picked.
    pub(crate) cancels_picked: bool,
    customer: u64,
}

impl Workload {
    /// A workload over `skus` SKUs; the first `hot_skus` of them are the hot ones.
    pub(crate) fn new(
        seed: u64,
        shares: Shares,
        skus: usize,
        hot_skus: usize,
        exponent: f64,
    ) -> Result<Self> {
        let popularity = Zipf::new(skus as f64, exponent).context("the exponent of --zipf")?;
        let skus = (0..skus).map(|number| Ok(SkuId::new(format_smolstr!("sku-{number}"))?));
        let skus = skus.collect::<Result<Vec<_>>>()?;
        Ok(Self { seed, shares, hot_skus: hot_skus.clamp(1, skus.len().max(1)), skus, popularity })
    }

    /// Every SKU by its number.
    pub(crate) fn skus(&self) -> &[SkuId] {
        &self.skus
    }

    /// The SKU of a number that a draft names.
    pub(crate) fn sku(&self, number: usize) -> Result<&SkuId> {
        self.skus.get(number).with_context(|| format!("there is no SKU {number}"))
    }

    /// The order of this number.
    pub(crate) fn draw(&self, number: u64) -> Draft {
        // An odd constant near 2^64 / φ sets the seeds of neighbouring orders far apart.
        let seed = self.seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let lines = self.draw_lines(&mut random);
        let mut chance = |percent: f64| random.random::<f64>() * 100.0 < percent;
        let shares = &self.shares;
        let (twice, from_cart) = (chance(shares.duplicate), chance(shares.cart));
        let (partial, new_address) = (chance(shares.partial), chance(shares.address));
        let (confirms, cancels_picked) = (chance(shares.confirm), chance(50.0));
        let twice = match random.random_range(0..3u8) {
            _ if !twice => None,
            0 => Some(Twice::Id),
            1 => Some(Twice::Key),
            _ => Some(Twice::Amount),
        };
        Draft {
            number,
            fate: shares.fate(random.random::<f64>() * 100.0),
            customer: random.random_range(0..CUSTOMERS),
            partial: partial && lines.iter().map(|line| line.units).sum::<u32>() > 1,
            lines,
            twice,
            from_cart,
            new_address,
            confirms,
            cancels_picked,
        }
    }

    fn draw_lines(&self, random: &mut Xoshiro256PlusPlus) -> Vec<DraftLine> {
        let wanted = random.random_range(1..=LINES_MAX);
        let mut lines: Vec<DraftLine> = Vec::with_capacity(wanted);
        for _ in 0..DRAWS_MAX {
            if lines.len() == wanted {
                break;
            }
            let sku = self.draw_sku(random);
            if lines.iter().all(|line| line.sku != sku) {
                let units = random.random_range(1..=UNITS_MAX);
                let price = 500 + (sku as i64 * 37) % 9_500;
                let shipping = if lines.is_empty() { 499 } else { 0 };
                lines.push(DraftLine { sku, units, gross: price * i64::from(units), shipping });
            }
        }
        lines
    }

    fn draw_sku(&self, random: &mut Xoshiro256PlusPlus) -> usize {
        if random.random::<f64>() * 100.0 < self.shares.hot {
            return random.random_range(0..self.hot_skus);
        }
        // The sampler answers whole numbers from 1 to the number of SKUs.
        (self.popularity.sample(random) as usize).clamp(1, self.skus.len()) - 1
    }

    /// The placement of a draft.
    pub(crate) fn placement(&self, draft: &Draft) -> Result<PlaceOrder> {
        let lines = draft.lines.iter().map(|line| {
            let request = LineRequest::new(self.sku(line.sku)?.clone(), line.units, line.gross);
            Ok(LineRequest { shipping: line.shipping, ..request })
        });
        let lines = lines.collect::<Result<Vec<_>>>()?;
        let mut place = PlaceOrder::new(draft.business()?, Currency::EUR, lines)
            .with_id(draft.order()?)
            .of_type(OrderType::Physical)
            .by_customer(draft.customer()?);
        place.delivery = Some(Delivery { address: "12 Station Road".into(), contact: "555 0100".into() });
        if draft.from_cart {
            place = place.from_cart(draft.cart()?);
        }
        Ok(place)
    }
}

impl Draft {
    /// The order's id.
    pub(crate) fn order(&self) -> Result<OrderId> {
        Ok(OrderId::new(format_smolstr!("order-{}", self.number))?)
    }

    /// The cart that the order was before.
    pub(crate) fn cart(&self) -> Result<CartId> {
        Ok(CartId::new(format_smolstr!("cart-{}", self.number))?)
    }

    /// Who buys.
    pub(crate) fn customer(&self) -> Result<CustomerId> {
        Ok(CustomerId::new(format_smolstr!("customer-{}", self.customer))?)
    }

    /// Who sells.
    pub(crate) fn business(&self) -> Result<BusinessId> {
        business(self.number % BUSINESSES)
    }

    /// What is due, in minor units.
    pub(crate) fn due(&self) -> i64 {
        self.lines.iter().map(|line| line.gross + line.shipping).sum()
    }

    /// What leaves first when the order leaves in two shipments: half of its units, counted line by line.
    pub(crate) fn first_part(&self) -> Vec<LineQuantity> {
        let mut left = self.lines.iter().map(|line| line.units).sum::<u32>() / 2;
        let mut parts = Vec::new();
        for (line, number) in self.lines.iter().zip(1..) {
            let quantity = line.units.min(left);
            left -= quantity;
            if quantity > 0 {
                parts.push(LineQuantity { line: number, quantity });
            }
        }
        parts
    }
}

/// The business of this number.
pub(crate) fn business(number: u64) -> Result<BusinessId> {
    Ok(BusinessId::new(format_smolstr!("shop-{number}"))?)
}

/// The number in an order's id; `None` for one that no workload made.
pub(crate) fn order_number(id: &OrderId) -> Option<u64> {
    id.as_str().strip_prefix("order-")?.parse().ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn shares() -> Shares {
        Shares {
            cancel_unpaid: 10.0,
            cancel_paid: 10.0,
            unpaid: 10.0,
            late: 10.0,
            short: 10.0,
            excess: 10.0,
            duplicate: 30.0,
            partial: 50.0,
            address: 20.0,
            cart: 30.0,
            confirm: 50.0,
            hot: 0.0,
            scarcity: 10.0,
        }
    }

    #[test]
    fn a_number_draws_the_same_order_every_time_and_another_seed_another() -> Result<()> {
        let draw =
            |seed, number| Ok::<_, anyhow::Error>(Workload::new(seed, shares(), 100, 5, 1.0)?.draw(number));
        assert_eq!(draw(7, 42)?, draw(7, 42)?);
        assert_ne!(draw(7, 42)?, draw(8, 42)?);
        assert_ne!(draw(7, 42)?, draw(7, 43)?);
        Ok(())
    }

    #[test]
    fn skus_are_as_popular_as_the_law_of_zipf_says() -> Result<()> {
        let workload = Workload::new(1, shares(), 1_000, 5, 1.0)?;
        let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
        let mut drawn = vec![0u32; 1_000];
        for _ in 0..200_000 {
            drawn[workload.draw_sku(&mut random)] += 1;
        }
        // With exponent 1 over n SKUs, the one of rank k has a share of 1 / (k · H(n)).
        let harmonic: f64 = (1..=1_000).map(|k| 1.0 / f64::from(k)).sum();
        for rank in [1u32, 2, 10] {
            let expected = 200_000.0 / (f64::from(rank) * harmonic);
            let found = f64::from(drawn[rank as usize - 1]);
            assert!((found - expected).abs() < 0.1 * expected, "rank {rank}: {found} for {expected}");
        }
        Ok(())
    }

    #[test]
    fn the_lines_of_an_order_are_of_distinct_skus_and_the_first_part_leaves_something() -> Result<()> {
        let workload = Workload::new(5, shares(), 10, 5, 1.2)?;
        for number in 0..1_000 {
            let draft = workload.draw(number);
            let mut skus: Vec<_> = draft.lines.iter().map(|line| line.sku).collect();
            skus.sort_unstable();
            skus.dedup();
            assert_eq!(skus.len(), draft.lines.len());
            assert!((1..=LINES_MAX).contains(&skus.len()));
            let units: u32 = draft.lines.iter().map(|line| line.units).sum();
            let first: u32 = draft.first_part().iter().map(|part| part.quantity).sum();
            assert!(!draft.partial || (first > 0 && first < units));
        }
        Ok(())
    }

    #[test]
    fn an_id_gives_its_number_back() -> Result<()> {
        let draft = Workload::new(5, shares(), 10, 5, 1.2)?.draw(77);
        assert_eq!(order_number(&draft.order()?), Some(77));
        assert_eq!(order_number(&"someone-else".parse()?), None);
        Ok(())
    }
}
