//! Encodes as bincode's standard configuration does, to the end of a vector and to nothing else.
//!
//! Every record, and every order that goes to rest, is encoded a field at a time; here a field is a few bytes that
//! are pushed. `decoder` has the table of what becomes of what, and the forms of integers.

use serde::ser::{self, Serialize, Serializer};

use super::codec::{self, Fault};
use super::decoder::ONE_BYTE_MAX;

/// Where encoded bytes are appended.
#[derive(Debug)]
pub(super) struct Encoder<'a>(pub(super) &'a mut Vec<u8>);

impl Encoder<'_> {
    #[inline(always)]
    fn unsigned(&mut self, number: u64) -> Result<(), Fault> {
        match number {
            0..=250 => self.0.push(number as u8),
            _ => codec::push_wide(self.0, number)?,
        }
        Ok(())
    }

    /// Zigzag: the sign is the lowest bit.
    #[inline(always)]
    fn signed(&mut self, number: i64) -> Result<(), Fault> {
        self.unsigned(((number << 1) ^ (number >> 63)) as u64)
    }

    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.unsigned(bytes.len() as u64)?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    #[inline(always)]
    fn raw<const N: usize>(&mut self, bytes: [u8; N]) -> Result<(), Fault> {
        self.0.extend_from_slice(&bytes);
        Ok(())
    }

    fn length(&mut self, length: Option<usize>) -> Result<(), Fault> {
        self.unsigned(length.ok_or(NO_LENGTH)? as u64)
    }
}

const _: () = assert!(ONE_BYTE_MAX == 250, "the match in `unsigned` says so too");

const NO_LENGTH: Fault = Fault::Bad("a sequence does not say how long it is");

macro_rules! pushed {
    ($($method:ident $type:ty => $push:ident($make:expr);)*) => {
        $(
            #[inline(always)]
            fn $method(self, value: $type) -> Result<(), Fault> {
                self.$push($make(value))
            }
        )*
    };
}

impl Serializer for &mut Encoder<'_> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    pushed! {
        serialize_bool bool => raw(|value| [u8::from(value)]);
        serialize_u8 u8 => raw(|value| [value]);
        serialize_u16 u16 => unsigned(u64::from);
        serialize_u32 u32 => unsigned(u64::from);
        serialize_u64 u64 => unsigned(u64::from);
        serialize_i8 i8 => raw(i8::to_le_bytes);
        serialize_i16 i16 => signed(i64::from);
        serialize_i32 i32 => signed(i64::from);
        serialize_i64 i64 => signed(i64::from);
        serialize_f32 f32 => raw(f32::to_le_bytes);
        serialize_f64 f64 => raw(f64::to_le_bytes);
        serialize_str &str => bytes(str::as_bytes);
        serialize_bytes &[u8] => bytes(|value| value);
    }

    fn serialize_char(self, value: char) -> Result<(), Fault> {
        self.0.extend_from_slice(value.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    #[inline(always)]
    fn serialize_none(self) -> Result<(), Fault> {
        self.0.push(0);
        Ok(())
    }

    #[inline(always)]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.0.push(1);
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_unit(self) -> Result<(), Fault> {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    #[inline(always)]
    fn serialize_unit_variant(self, _: &'static str, variant: u32, _: &'static str) -> Result<(), Fault> {
        self.unsigned(u64::from(variant))
    }

    #[inline(always)]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.unsigned(u64::from(variant))?;
        value.serialize(self)
    }

    #[inline(always)]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Fault> {
        self.length(length)?;
        Ok(self)
    }

    #[inline(always)]
    fn serialize_map(self, length: Option<usize>) -> Result<Self, Fault> {
        self.length(length)?;
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple(self, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Fault> {
        Ok(self)
    }

    #[inline(always)]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Fault> {
        self.unsigned(u64::from(variant))?;
        Ok(self)
    }

    #[inline(always)]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Fault> {
        self.unsigned(u64::from(variant))?;
        Ok(self)
    }

    #[inline(always)]
    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! items {
    ($($of:ident $method:ident($($name:ty)?);)*) => {
        $(
            impl ser::$of for &mut Encoder<'_> {
                type Ok = ();
                type Error = Fault;

                #[inline(always)]
                fn $method<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Result<(), Fault> {
                    value.serialize(&mut **self)
                }

                #[inline(always)]
                fn end(self) -> Result<(), Fault> {
                    Ok(())
                }
            }
        )*
    };
}

items! {
    SerializeSeq serialize_element();
    SerializeTuple serialize_element();
    SerializeTupleStruct serialize_field();
    SerializeTupleVariant serialize_field();
    SerializeStruct serialize_field(&'static str);
    SerializeStructVariant serialize_field(&'static str);
}

impl ser::SerializeMap for &mut Encoder<'_> {
    type Ok = ();
    type Error = Fault;

    #[inline(always)]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        key.serialize(&mut **self)
    }

    #[inline(always)]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(&mut **self)
    }

    #[inline(always)]
    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}
