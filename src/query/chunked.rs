//! A list that grows without moving its items.

/// Items by chunk: a table of ten million entries grows without moving one of them.
pub(super) const CHUNK_ITEMS: usize = 256;

/// A list that grows without moving its items.
#[derive(Debug)]
pub(super) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Chunked<T> {
    pub(super) fn push(&mut self, item: T) {
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK_ITEMS) {
            Some(chunk) => chunk.push(item),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK_ITEMS);
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<&T> {
        let number = number as usize;
        self.chunks.get(number / CHUNK_ITEMS)?.get(number % CHUNK_ITEMS)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let number = number as usize;
        self.chunks.get_mut(number / CHUNK_ITEMS)?.get_mut(number % CHUNK_ITEMS)
    }

    pub(super) fn len(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK_ITEMS;
        u32::try_from(full + self.chunks.last().map_or(0, Vec::len)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_list_finds_its_items_by_their_numbers() {
        let mut list = Chunked::default();
        for number in 0..600 {
            assert_eq!(list.len(), number);
            list.push(number);
        }
        assert!((0..600).all(|number| list.get(number) == Some(&number)));
        assert_eq!((list.get(600), list.get(u32::MAX)), (None, None));
    }
}
