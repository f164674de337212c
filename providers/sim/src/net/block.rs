//! Which loopback addresses are whose.
//!
//! Linux answers on all of 127.0.0.0/8 without any set-up. A sim takes a /16 of it at random and gives each network, the
//! public addresses and its own services a part. IPv6 has one loopback address only, so an IPv6 address of a node is an
//! IPv4-mapped one (RFC 4291, 2.5.5.2): IPv6 sockets connect to it and listen on it, and it is the node's alone.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::Ipv4Net;

/// One /16 of the loopback network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block(u8);

impl Block {
    /// How many there are.
    pub(crate) const COUNT: u64 = 240;

    /// The block that `number` leads to.
    pub(crate) fn new(number: u64) -> Self {
        // 127.0 is everybody's, 127.1 to 127.9 are popular with other tools.
        Self(u8::try_from(10 + number % Self::COUNT).unwrap_or(10))
    }

    fn address(self, offset: u16) -> Ipv4Addr {
        let [high, low] = offset.to_be_bytes();
        Ipv4Addr::new(127, self.0, high, low)
    }

    /// All of it.
    pub(crate) fn whole(self) -> Ipv4Net {
        Ipv4Net::new_assert(self.address(0), 16)
    }

    /// The addresses of the network with that index, of which there may be two.
    pub(crate) fn network(self, index: usize) -> Ipv4Net {
        Ipv4Net::new_assert(self.address(if index == 0 { 0 } else { 0x4000 }), 18)
    }

    /// The public IPv4 addresses.
    pub(crate) fn public(self) -> Ipv4Net {
        Ipv4Net::new_assert(self.address(0x8000), 18)
    }

    /// The addresses that IPv6 addresses are mapped to.
    pub(crate) fn six(self) -> Ipv4Net {
        Ipv4Net::new_assert(self.address(0xc000), 19)
    }

    /// Where 169.254.169.254 leads.
    pub(crate) fn metadata(self) -> Ipv4Addr {
        self.address(0xfffe)
    }

    /// Where the outside is, as nodes see it.
    pub(crate) fn outside(self) -> Ipv4Addr {
        self.address(0xff01)
    }

    /// The IPv4 address that the outside's IPv6 address is mapped to. Mapped addresses share port numbers with their IPv4
    /// addresses, so it is another one.
    pub(crate) fn outside_six(self) -> Ipv4Addr {
        self.address(0xff04)
    }

    /// The source address of nodes without a public one.
    pub(crate) fn router(self) -> Ipv4Addr {
        self.address(0xff02)
    }

    /// The address that all nodes share where the pattern is port forwarding.
    pub(crate) fn shared(self) -> Ipv4Addr {
        self.address(0xff03)
    }
}

/// The IPv6 address that stands for `address`.
pub(crate) fn mapped(address: Ipv4Addr) -> Ipv6Addr {
    address.to_ipv6_mapped()
}

/// Addresses of one network, handed out in turn, so that a freed one rests as long as possible.
#[derive(Debug)]
pub(crate) struct Pool {
    net: Ipv4Net,
    next: u32,
    taken: HashSet<Ipv4Addr>,
}

impl Pool {
    /// The lowest addresses of a network are its router's and the target's.
    const RESERVED: u32 = 10;

    /// All of `net` but the reserved addresses.
    pub(crate) fn new(net: Ipv4Net) -> Self {
        Self { net, next: 0, taken: HashSet::new() }
    }

    /// A free address; `None` when all are taken.
    pub(crate) fn take(&mut self) -> Option<Ipv4Addr> {
        let size = (1_u32 << (32 - self.net.prefix_len())) - Self::RESERVED - 1;
        for _ in 0..size {
            let address = Ipv4Addr::from(u32::from(self.net.network()) + Self::RESERVED + self.next);
            self.next = (self.next + 1) % size;
            if self.taken.insert(address) {
                return Some(address);
            }
        }
        None
    }

    /// Gives `address` back.
    pub(crate) fn free(&mut self, address: IpAddr) {
        if let IpAddr::V4(address) = address.to_canonical() {
            self.taken.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_block_do_not_overlap() {
        let block = Block::new(5);
        let parts = [block.network(0), block.network(1), block.public(), block.six()];
        for (i, one) in parts.iter().enumerate() {
            assert!(block.whole().contains(one));
            for other in &parts[i + 1..] {
                assert!(!one.contains(other) && !other.contains(one));
            }
            for service in [block.metadata(), block.outside(), block.router(), block.shared()] {
                assert!(!one.contains(&service));
            }
        }
    }

    #[test]
    fn a_pool_hands_out_every_address_once() {
        let mut pool = Pool::new("127.9.0.0/28".parse().unwrap());
        let all: Vec<_> = std::iter::from_fn(|| pool.take()).collect();
        assert_eq!(all.len(), 5);
        pool.free(all[2].into());
        assert_eq!(pool.take(), Some(all[2]));
        assert_eq!(pool.take(), None);
    }
}
