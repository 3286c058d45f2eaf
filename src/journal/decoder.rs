//! Decodes what bincode's standard configuration encodes, out of a slice and nothing else.
//!
//! Replay decodes every record of a journal, a field at a time. bincode's own decoder counts each byte against a
//! limit and goes through a reader. Here a field is a look at the first bytes of what is left.
//!
//! | what | bytes |
//! |---|---|
//! | `u8`, `i8`, `bool` | one |
//! | unsigned integers, lengths, variants | one up to 250; else 251, 252, 253 and two, four, eight, little endian |
//! | signed integers | zigzag, as unsigned |
//! | texts and bytes | length, then the bytes |
//! | options | 0, or 1 and the value |
//! | structs, tuples, arrays | their fields |
//! | sequences, maps | length, then the items |
//!
//! A length takes no memory that the bytes do not back: room is made for some thousand items, and for more as they
//! come.

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::codec::{self, Fault};

/// The greatest number that is its own byte.
pub(super) const ONE_BYTE_MAX: u8 = 250;
const TWO_BYTES: u8 = 251;
const FOUR_BYTES: u8 = 252;
const EIGHT_BYTES: u8 = 253;

/// The most items for which room is made before they come.
const ROOM_AHEAD_MAX: usize = 4_096;

/// What is left to decode.
#[derive(Debug)]
pub(super) struct Decoder<'de> {
    pub(super) rest: &'de [u8],
}

impl<'de> Decoder<'de> {
    #[inline(always)]
    fn byte(&mut self) -> Result<u8, Fault> {
        let (byte, rest) = self.rest.split_first().ok_or(Fault::End)?;
        self.rest = rest;
        Ok(*byte)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let (array, rest) = self.rest.split_first_chunk().ok_or(Fault::End)?;
        self.rest = rest;
        Ok(*array)
    }

    /// An unsigned integer in the form that begins with `WIDEST`, or in a shorter one.
    #[inline(always)]
    fn up_to<const WIDEST: u8>(&mut self) -> Result<u64, Fault> {
        let (byte, rest) = self.rest.split_first().ok_or(Fault::End)?;
        if *byte <= ONE_BYTE_MAX {
            self.rest = rest;
            Ok(u64::from(*byte))
        } else if *byte <= WIDEST {
            let (number, rest) = codec::take_wide(self.rest).ok_or(Fault::End)?;
            self.rest = rest;
            Ok(number)
        } else {
            Err(Fault::Bad("an integer is wider than its type"))
        }
    }

    // A form holds no more than its type, so nothing is lost where a number is cut to it.

    #[inline(always)]
    fn u16(&mut self) -> Result<u16, Fault> {
        self.up_to::<TWO_BYTES>().map(|number| number as u16)
    }

    #[inline(always)]
    fn u32(&mut self) -> Result<u32, Fault> {
        self.up_to::<FOUR_BYTES>().map(|number| number as u32)
    }

    #[inline(always)]
    fn u64(&mut self) -> Result<u64, Fault> {
        self.up_to::<EIGHT_BYTES>()
    }

    #[inline(always)]
    fn i16(&mut self) -> Result<i16, Fault> {
        self.up_to::<TWO_BYTES>().map(|number| signed(number) as i16)
    }

    #[inline(always)]
    fn i32(&mut self) -> Result<i32, Fault> {
        self.up_to::<FOUR_BYTES>().map(|number| signed(number) as i32)
    }

    #[inline(always)]
    fn i64(&mut self) -> Result<i64, Fault> {
        self.up_to::<EIGHT_BYTES>().map(signed)
    }

    #[inline(always)]
    fn length(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.u64()?).map_err(|_| Fault::End)
    }

    #[inline(always)]
    fn bytes(&mut self) -> Result<&'de [u8], Fault> {
        let length = self.length()?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Fault::End)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn text(&mut self) -> Result<&'de str, Fault> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Fault::Bad("a text is not UTF-8"))
    }

    fn character(&mut self) -> Result<char, Fault> {
        let bad = Fault::Bad("a character is not UTF-8");
        let length = match self.rest.first() {
            Some(byte) if *byte < 0x80 => 1,
            Some(byte) if *byte < 0xe0 => 2,
            Some(byte) if *byte < 0xf0 => 3,
            Some(_) => 4,
            None => return Err(Fault::End),
        };
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Fault::End)?;
        self.rest = rest;
        std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()).ok_or(bad)
    }
}

/// Zigzag: the sign is the lowest bit.
#[inline(always)]
const fn signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

const UNTYPED: Fault = Fault::Bad("the bytes do not say of what type they are");

macro_rules! numbers {
    ($($method:ident $visit:ident $read:ident,)*) => {
        $(
            #[inline(always)]
            fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
                visitor.$visit(self.$read()?)
            }
        )*
    };
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = Fault;

    numbers! {
        deserialize_u8 visit_u8 byte,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_char visit_char character,
        deserialize_str visit_borrowed_str text,
        deserialize_string visit_borrowed_str text,
        deserialize_bytes visit_borrowed_bytes bytes,
        deserialize_byte_buf visit_borrowed_bytes bytes,
    }

    #[inline(always)]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(Fault::Bad("a truth value is neither 0 nor 1")),
        }
    }

    fn deserialize_i8<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_i8(i8::from_le_bytes(self.array()?))
    }

    #[inline(always)]
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self),
            _ => Err(Fault::Bad("an option is neither 0 nor 1")),
        }
    }

    #[inline(always)]
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline(always)]
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    #[inline(always)]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    #[inline(always)]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let left = self.length()?;
        visitor.visit_seq(Items { decoder: self, left })
    }

    #[inline(always)]
    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Items { decoder: self, left })
    }

    #[inline(always)]
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        left: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_seq(Items { decoder: self, left })
    }

    #[inline(always)]
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let left = self.length()?;
        visitor.visit_map(Items { decoder: self, left })
    }

    #[inline(always)]
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_seq(Items { decoder: self, left: fields.len() })
    }

    #[inline(always)]
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(UNTYPED)
    }

    forward_to_deserialize_any! { f32 f64 identifier ignored_any }

    #[inline(always)]
    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The items that are left of a sequence, or the fields of a struct.
struct Items<'a, 'de> {
    decoder: &'a mut Decoder<'de>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = Fault;

    #[inline(always)]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    #[inline(always)]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(ROOM_AHEAD_MAX))
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = Fault;

    #[inline(always)]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.decoder).map(Some)
    }

    #[inline(always)]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(&mut *self.decoder)
    }

    #[inline(always)]
    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(ROOM_AHEAD_MAX))
    }
}

impl<'de> de::EnumAccess<'de> for &mut Decoder<'de> {
    type Error = Fault;
    type Variant = Self;

    #[inline(always)]
    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let variant = self.u32()?;
        let value = seed.deserialize::<de::value::U32Deserializer<Fault>>(variant.into_deserializer())?;
        Ok((value, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Decoder<'de> {
    type Error = Fault;

    #[inline(always)]
    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    #[inline(always)]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self)
    }

    #[inline(always)]
    fn tuple_variant<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_seq(Items { decoder: self, left })
    }

    #[inline(always)]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_seq(Items { decoder: self, left: fields.len() })
    }
}
