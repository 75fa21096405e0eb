//! Which buffer lies with the device under which token.
//!
//! The device names a token when it is done with a buffer. It is not believed: the ledger is our
//! own record, and a token that it does not hold is refused before anything is done with it. A
//! token it holds stands for exactly one buffer. Pure bookkeeping; nothing of the device is known here.

use crate::nic::pool::BufferId;

/// Descriptors per queue, and so the most buffers that can lie with the device.
pub const QUEUE_SIZE: usize = 64;

/// Buffers lent to the device through one queue.
#[derive(Debug)]
pub struct Ledger {
    lent: [Option<Lent>; QUEUE_SIZE],
}

/// A buffer of which the device has the first `len` bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Lent {
    /// Which buffer.
    pub buffer: BufferId,
    /// How much of it, in bytes.
    pub len: usize,
}

impl Ledger {
    /// No buffer is lent.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lent: [const { None }; QUEUE_SIZE],
        }
    }

    /// Notes what is lent under `token`, one that the queue has just handed out.
    pub fn lend(&mut self, token: u16, lent: Lent) {
        let before = self.lent[usize::from(token)].replace(lent);
        debug_assert!(before.is_none(), "token {token} was lent twice");
    }

    /// Takes back what was lent under `token`; `None` if nothing was.
    #[must_use]
    pub fn settle(&mut self, token: u16) -> Option<Lent> {
        self.lent.get_mut(usize::from(token))?.take()
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nic::pool::FreeList;

    #[test]
    fn only_what_was_lent_is_settled_and_only_once() {
        let mut free = FreeList::full();
        let mut lend = |len| Lent {
            buffer: free.take().unwrap(),
            len,
        };
        let mut ledger = Ledger::new();
        ledger.lend(3, lend(100));
        ledger.lend(63, lend(200));
        assert_eq!(ledger.settle(4), None, "never lent");
        assert_eq!(ledger.settle(64), None, "no such descriptor");
        assert_eq!(ledger.settle(u16::MAX), None, "no such descriptor");
        assert_eq!(ledger.settle(3).unwrap().len, 100);
        assert_eq!(ledger.settle(3), None, "settled before");
        assert_eq!(ledger.settle(63).unwrap().len, 200);
    }
}
