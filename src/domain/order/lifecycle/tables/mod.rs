//! The tables of the built-in lifecycles, a file each: one arrow a row, and what people see in a state a row.
//!
//! A table that journals refer to is never changed: a changed one gets a new id, and the old one stays.

mod flash_sale;
mod membership;
mod physical;
mod preorder;
mod simple;
mod virtual_goods;

#[cfg(test)]
mod earlier;

use super::Lifecycle;

/// Every lifecycle that an order in some journal may carry.
pub(super) static ALL: &[&Lifecycle] = &[
    &simple::SIMPLE,
    &physical::PHYSICAL,
    &virtual_goods::VIRTUAL,
    &flash_sale::FLASH_SALE,
    &preorder::PREORDER,
    &membership::MEMBERSHIP,
    #[cfg(test)]
    &earlier::PHYSICAL,
];
