//! Reading traces and opening stocks: CSV, plain or gzipped, streamed row by row.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use csv::StringRecord;
use earmark::domain::command::{
    CancelOrder, DeliverOrder, LineRequest, PayOrder, PlaceOrder, Settlement, ShipOrder,
};
use earmark::domain::ids::{BusinessId, CustomerId, OrderId, PaymentMethod, SellerId, SkuId};
use earmark::domain::money::{Currency, Money};

use super::operation::{Ask, Event};

/// The first two bytes of a gzip file.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

type Rows = csv::Reader<Box<dyn Read>>;

/// Opens a CSV file; whether it is gzipped is told by its first bytes, not by its name.
fn open(path: &Path) -> Result<Rows> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    from_reader(file).with_context(|| format!("reading {}", path.display()))
}

fn from_reader(reader: impl Read + 'static) -> Result<Rows> {
    let mut reader = BufReader::with_capacity(256 * 1024, reader);
    let gzipped = reader.fill_buf()?.starts_with(&GZIP_MAGIC);
    let bytes: Box<dyn Read> =
        if gzipped { Box::new(flate2::bufread::MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    Ok(csv::Reader::from_reader(bytes))
}

/// Where the columns stand that a file must have.
struct Columns<const N: usize>([usize; N]);

impl<const N: usize> Columns<N> {
    fn find(rows: &mut Rows, names: [&str; N]) -> Result<Self> {
        let header = rows.headers()?;
        let mut found = [0; N];
        for (place, name) in found.iter_mut().zip(names) {
            *place = header
                .iter()
                .position(|column| column == name)
                .with_context(|| format!("line 1: the column `{name}` is missing"))?;
        }
        Ok(Self(found))
    }

    fn of<'r>(&self, row: &'r StringRecord) -> [&'r str; N] {
        self.0.map(|column| row.get(column).unwrap_or_default().trim())
    }
}

/// A whole number in a named column; the error names column and text.
fn number<T: FromStr>(column: &str, text: &str) -> Result<T> {
    text.parse().ok().with_context(|| format!("`{column}` is `{text}`, which is not a number that fits"))
}

/// As [`number`], with an empty text for zero.
fn number_or_zero(column: &str, text: &str) -> Result<i64> {
    if text.is_empty() { Ok(0) } else { number(column, text) }
}

fn line_of(row: &StringRecord) -> u64 {
    row.position().map_or(0, csv::Position::line)
}

/// The opening stock, row by row.
pub(crate) struct StockFile {
    rows: Rows,
    columns: Columns<2>,
    path: PathBuf,
}

impl StockFile {
    /// Opens the file and finds its columns.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::from_rows(open(path)?, path).with_context(|| path.display().to_string())
    }

    fn from_rows(mut rows: Rows, path: &Path) -> Result<Self> {
        let columns = Columns::find(&mut rows, ["sku", "qty"])?;
        Ok(Self { rows, columns, path: path.to_owned() })
    }

    /// The next SKU with its units; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(SkuId, u64)>> {
        let mut row = StringRecord::new();
        let more = self.rows.read_record(&mut row).with_context(|| self.path.display().to_string())?;
        if !more {
            return Ok(None);
        }
        let [sku, quantity] = self.columns.of(&row);
        let parsed = || Ok::<_, anyhow::Error>((SkuId::new(sku)?, number("qty", quantity)?));
        parsed().map(Some).with_context(|| format!("{}, line {}", self.path.display(), line_of(&row)))
    }
}

/// A trace, event by event.
pub(crate) struct TraceFile {
    rows: Rows,
    columns: Columns<13>,
    path: PathBuf,
    shop: Shop,
    /// The row read last and not yet used: the first of the next event.
    ahead: Option<StringRecord>,
    events: u64,
}

/// What the engine needs to know of the shop and a trace does not say.
struct Shop {
    business: BusinessId,
    currency: Currency,
}

impl TraceFile {
    /// Opens the file and finds its columns.
    pub(crate) fn open(path: &Path, business: BusinessId, currency: Currency) -> Result<Self> {
        let shop = Shop { business, currency };
        Self::from_rows(open(path)?, path, shop).with_context(|| path.display().to_string())
    }

    fn from_rows(mut rows: Rows, path: &Path, shop: Shop) -> Result<Self> {
        let columns = Columns::find(
            &mut rows,
            [
                "order", "action", "line", "sku", "qty", "gross", "discount", "shipping", "seller",
                "customer", "method", "amount", "final",
            ],
        )?;
        Ok(Self { rows, columns, path: path.to_owned(), shop, ahead: None, events: 0 })
    }

    /// The next event; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Event>> {
        let Some(first) = self.take_row()? else { return Ok(None) };
        let line = line_of(&first);
        self.events += 1;
        let event = self.event(&first).with_context(|| format!("{}, line {line}", self.path.display()))?;
        Ok(Some(event))
    }

    fn take_row(&mut self) -> Result<Option<StringRecord>> {
        if let Some(row) = self.ahead.take() {
            return Ok(Some(row));
        }
        let mut row = StringRecord::new();
        let more = self.rows.read_record(&mut row).with_context(|| self.path.display().to_string())?;
        Ok(more.then_some(row))
    }

    fn event(&mut self, first: &StringRecord) -> Result<Event> {
        let [order, action, ..] = self.columns.of(first);
        let order = OrderId::new(order)?;
        let ask = match action {
            "place" => Ask::Place(self.placement(&order, first)?),
            "pay" => Ask::Pay(self.payment(&order, first)?),
            "ship" => Ask::Ship(ShipOrder { order: order.clone(), lines: Vec::new() }),
            "deliver" => Ask::Deliver(DeliverOrder { order: order.clone(), lines: Vec::new() }),
            "cancel" => Ask::Cancel(CancelOrder {
                order: order.clone(),
                lines: Vec::new(),
                reason: "cancelled in the trace".into(),
            }),
            unknown => bail!("`action` is `{unknown}`, which is not place, pay, ship, deliver or cancel"),
        };
        Ok(Event { number: self.events, order, ask })
    }

    /// Takes up the consecutive rows of one placement.
    fn placement(&mut self, order: &OrderId, first: &StringRecord) -> Result<PlaceOrder> {
        let [_, _, _, _, _, _, _, _, _, customer, ..] = self.columns.of(first);
        let customer = (!customer.is_empty()).then(|| CustomerId::new(customer)).transpose()?;
        let mut lines = Vec::new();
        lines.extend(self.line(first)?);
        while let Some(row) = self.take_row()? {
            let [next_order, next_action, ..] = self.columns.of(&row);
            if next_order != order.as_str() || next_action != "place" {
                self.ahead = Some(row);
                break;
            }
            let line = self.line(&row).with_context(|| format!("line {}", line_of(&row)))?;
            lines.extend(line);
        }
        let place = PlaceOrder::new(self.shop.business.clone(), self.shop.currency, lines);
        Ok(PlaceOrder { customer, ..place.with_id(order.clone()) })
    }

    /// The line in a placement's row; `None` when the row has none.
    fn line(&self, row: &StringRecord) -> Result<Option<LineRequest>> {
        let [_, _, _, sku, quantity, gross, discount, shipping, seller, ..] = self.columns.of(row);
        if sku.is_empty() && quantity.is_empty() {
            return Ok(None);
        }
        // The engine's quantities cannot be negative; zero is refused as "not positive" just the same.
        let quantity: i64 = number("qty", quantity)?;
        let quantity = u32::try_from(quantity.max(0))
            .ok()
            .with_context(|| format!("`qty` is {quantity}, which is more than a line can have"))?;
        Ok(Some(LineRequest {
            sku: SkuId::new(sku)?,
            quantity,
            gross: number_or_zero("gross", gross)?,
            discount: number_or_zero("discount", discount)?,
            shipping: number_or_zero("shipping", shipping)?,
            seller: (!seller.is_empty()).then(|| SellerId::new(seller)).transpose()?,
            tags: None,
        }))
    }

    fn payment(&self, order: &OrderId, row: &StringRecord) -> Result<PayOrder> {
        let [_, _, _, _, _, _, _, _, _, _, method, amount, is_final] = self.columns.of(row);
        let settlement = match is_final {
            "1" => Settlement::Declared,
            "" | "0" => Settlement::PartOnly,
            other => bail!("`final` is `{other}`, which is neither 0 nor 1"),
        };
        Ok(PayOrder {
            order: order.clone(),
            // The engine numbers the parts; those of a trace may repeat.
            payment: None,
            method: PaymentMethod::new(if method.is_empty() { "unknown" } else { method })?,
            amount: Money::new(number("amount", amount)?, self.shop.currency),
            settlement,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const HEADER: &str =
        "at,order,action,line,sku,qty,gross,discount,shipping,seller,location,customer,method,amount,final\n";

    fn trace(bytes: Vec<u8>) -> Result<Vec<Event>> {
        let shop = Shop { business: BusinessId::new("trace")?, currency: Currency::EUR };
        let rows = from_reader(std::io::Cursor::new(bytes))?;
        let mut file = TraceFile::from_rows(rows, Path::new("trace.csv"), shop)?;
        let mut events = Vec::new();
        while let Some(event) = file.next()? {
            events.push(event);
        }
        Ok(events)
    }

    fn rows(rows: &str) -> Result<Vec<Event>> {
        trace(format!("{HEADER}{rows}").into_bytes())
    }

    fn error(text: &str) -> String {
        format!("{:#}", rows(text).expect_err("the row is malformed"))
    }

    #[test]
    fn consecutive_rows_of_one_placement_are_one_event() -> Result<()> {
        let events = rows(
            "t,a,place,1,lamp,2,100,10,5,seller,,buyer,,,\n\
             t,a,place,2,bulb,1,50,0,0,,,buyer,,,\n\
             t,b,place,1,lamp,1,50,0,0,,,,,,\n\
             t,a,pay,1,,,,,,,,,card,145,1\n",
        )?;
        assert_eq!(events.iter().map(|e| e.number).collect::<Vec<_>>(), [1, 2, 3]);
        let Ask::Place(place) = &events[0].ask else { panic!("not a placement: {events:?}") };
        assert_eq!(place.lines.len(), 2);
        assert_eq!(place.customer, Some(CustomerId::new("buyer")?));
        let line = &place.lines[0];
        assert_eq!((line.quantity, line.gross, line.discount, line.shipping), (2, 100, 10, 5));
        assert_eq!((events[1].order.as_str(), events[2].order.as_str()), ("b", "a"));
        Ok(())
    }

    #[test]
    fn a_placement_without_a_line_has_no_lines() -> Result<()> {
        let events = rows("t,a,place,,,,,,,,,buyer,,,\n")?;
        let Ask::Place(place) = &events[0].ask else { panic!("not a placement: {events:?}") };
        assert!(place.lines.is_empty());
        Ok(())
    }

    #[test]
    fn quantities_that_are_not_positive_reach_the_engine_as_zero() -> Result<()> {
        let events = rows("t,a,place,1,lamp,-3,1,0,0,,,,,,\nt,a,place,2,bulb,0,1,0,0,,,,,,\n")?;
        let Ask::Place(place) = &events[0].ask else { panic!("not a placement: {events:?}") };
        assert_eq!(place.lines.iter().map(|line| line.quantity).collect::<Vec<_>>(), [0, 0]);
        Ok(())
    }

    #[test]
    fn only_the_final_payment_declares_the_order_paid() -> Result<()> {
        let events = rows("t,a,pay,1,,,,,,,,,voucher,0,0\nt,a,pay,2,,,,,,,,,,7,1\n")?;
        let payments: Vec<_> = events
            .iter()
            .map(|event| match &event.ask {
                Ask::Pay(pay) => (pay.amount.minor, pay.settlement, pay.method.as_str()),
                other => panic!("not a payment: {other:?}"),
            })
            .collect();
        assert_eq!(payments, [(0, Settlement::PartOnly, "voucher"), (7, Settlement::Declared, "unknown")]);
        Ok(())
    }

    #[test]
    fn gzip_is_read_directly_whatever_the_name_says() -> Result<()> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(HEADER.as_bytes())?;
        gzip.write_all(b"t,a,ship,,,,,,,,,,,,\n")?;
        assert_eq!(trace(gzip.finish()?)?.len(), 1);
        Ok(())
    }

    #[test]
    fn malformed_rows_are_named_with_file_line_and_column() {
        let good = "t,a,ship,,,,,,,,,,,,\n";
        let cases = [
            ("t,a,place,1,lamp,two,1,0,0,,,,,,\n", "trace.csv, line 3: `qty` is `two`"),
            ("t,a,place,1,lamp,,1,0,0,,,,,,\n", "trace.csv, line 3: `qty` is ``"),
            ("t,a,place,1,lamp,99999999999,1,0,0,,,,,,\n", "line 3: `qty` is 99999999999"),
            ("t,a,place,1,,1,1,0,0,,,,,,\n", "line 3: SKU is empty"),
            ("t,a,pay,1,,,,,,,,,card,,1\n", "line 3: `amount` is ``"),
            ("t,a,pay,1,,,,,,,,,card,1,yes\n", "line 3: `final` is `yes`"),
            ("t,a,explode,,,,,,,,,,,,\n", "line 3: `action` is `explode`"),
            ("t,,ship,,,,,,,,,,,,\n", "line 3: order id is empty"),
            ("t,a,ship\n", "line: 3"),
        ];
        for (row, expected) in cases {
            let message = error(&format!("{good}{row}"));
            assert!(message.contains(expected), "{message:?} does not say {expected:?}");
        }
    }

    #[test]
    fn a_bad_row_in_the_middle_of_a_placement_is_named_by_its_own_line() {
        let message = error("t,a,place,1,lamp,1,1,0,0,,,,,,\nt,a,place,2,bulb,x,1,0,0,,,,,,\n");
        assert!(message.contains("line 3: `qty` is `x`"), "{message}");
    }

    #[test]
    fn a_missing_column_is_named() {
        let message = format!("{:#}", trace(b"order,action\n".to_vec()).expect_err("columns are missing"));
        assert!(message.contains("the column `line` is missing"), "{message}");
    }

    #[test]
    fn the_opening_stock_is_read_row_by_row_and_negative_units_are_an_error() -> Result<()> {
        let rows = from_reader(&b"sku,qty\nlamp,3\nbulb,-1\n"[..])?;
        let mut stock = StockFile::from_rows(rows, Path::new("stock.csv"))?;
        assert_eq!(stock.next()?, Some((SkuId::new("lamp")?, 3)));
        let message = format!("{:#}", stock.next().expect_err("the units are negative"));
        assert!(message.starts_with("stock.csv, line 3: `qty` is `-1`"), "{message}");
        Ok(())
    }
}
