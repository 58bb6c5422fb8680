//! The migrations are embedded; a new file alone does not make cargo build again.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
