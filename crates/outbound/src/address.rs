//! What an IP address may be used for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Reach of an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// Routed on the public internet.
    Public,
    /// This machine or a private network: only for hosts the operator listed.
    Internal,
    /// Link-local (cloud metadata lives there), multicast, unspecified, reserved: only when the
    /// operator listed the very address, never through a name.
    Special,
}

/// Reach of `address`; an address that embeds an IPv4 one is judged by that.
pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(v4) => reach_v4(v4),
        IpAddr::V6(v6) => embedded_v4(v6).map_or_else(|| reach_v6(v6), reach_v4),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] | [10, ..] | [192, 168, ..] => Reach::Internal,
        [172, b, ..] if (16..32).contains(&b) => Reach::Internal,
        // Carrier-grade NAT, and benchmarking networks.
        [100, b, ..] if (64..128).contains(&b) => Reach::Internal,
        [198, 18 | 19, ..] => Reach::Internal,
        [0, ..] | [169, 254, ..] | [224..=255, ..] => Reach::Special,
        // Protocol assignments, documentation, 6to4 relays.
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => Reach::Special,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let [a, b, ..] = address.segments();
    match (a, b) {
        _ if address.is_loopback() => Reach::Internal,
        (0xfc00..=0xfdff, _) => Reach::Internal,
        // Protocol assignments with Teredo, documentation.
        (0x2001, 0x0000..=0x01ff | 0x0db8) | (0x3fff, 0x0000..=0x0fff) => Reach::Special,
        (0x2000..=0x3fff, _) => Reach::Public,
        // Everything else is not global unicast.
        _ => Reach::Special,
    }
}

/// The IPv4 address a packet to `address` ends at: mapped, compatible, NAT64 or 6to4.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_global_unicast_is_public() {
        for (text, expected) in [
            ("8.8.8.8", Reach::Public),
            ("172.32.0.1", Reach::Public),
            ("100.128.0.1", Reach::Public),
            ("2606:4700::1111", Reach::Public),
            ("64:ff9b::808:808", Reach::Public),
            ("127.0.0.1", Reach::Internal),
            ("10.0.0.1", Reach::Internal),
            ("172.16.0.1", Reach::Internal),
            ("192.168.1.1", Reach::Internal),
            ("100.64.0.1", Reach::Internal),
            ("::1", Reach::Internal),
            ("fd00::1", Reach::Internal),
            ("::ffff:10.0.0.1", Reach::Internal),
            ("64:ff9b::7f00:1", Reach::Internal),
            ("2002:7f00:1::", Reach::Internal),
            ("::127.0.0.1", Reach::Internal),
            ("0.0.0.0", Reach::Special),
            ("::", Reach::Special),
            ("169.254.169.254", Reach::Special),
            ("::ffff:169.254.169.254", Reach::Special),
            ("fe80::1", Reach::Special),
            ("ff02::1", Reach::Special),
            ("224.0.0.1", Reach::Special),
            ("255.255.255.255", Reach::Special),
            ("192.0.0.192", Reach::Special),
            ("2001:db8::1", Reach::Special),
            ("2001:0:1::", Reach::Special),
        ] {
            assert_eq!(reach(text.parse().unwrap()), expected, "{text}");
        }
    }
}
