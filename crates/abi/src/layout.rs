//! How a structure is written down here: one description, from which the type, its fields, the compile-time
//! assertions and the table for the comparison with the C headers are made.

use core::fmt;
use core::marker::PhantomData;

/// Where a member of type `T` lies within its structure.
///
/// The floors above copy single members into and out of a driver's memory: the field says where and how many bytes.
pub struct Field<T> {
    offset: u64,
    value: PhantomData<fn() -> T>,
}

impl<T> Field<T> {
    /// A field at this offset, in bytes, from its structure's first byte.
    #[must_use]
    pub const fn at(offset: u64) -> Field<T> {
        Field { offset, value: PhantomData }
    }

    /// The distance from the structure's first byte, in bytes.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.offset
    }

    /// The member's size in bytes.
    #[must_use]
    pub const fn size(self) -> u64 {
        size_of::<T>() as u64
    }

    /// The field's address in the structure that begins at `base`; it wraps where a hostile `base` makes it wrap.
    #[must_use]
    pub const fn address_in(self, base: u64) -> u64 {
        base.wrapping_add(self.offset)
    }
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Field<T> {
        *self
    }
}

impl<T> Copy for Field<T> {}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}, {} bytes", self.offset, self.size())
    }
}

/// A structure as the C headers call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Structure {
    /// Its NT name.
    pub name: &'static str,
    /// Its size in bytes.
    pub size: u64,
    /// Its members, without padding.
    pub members: &'static [Member],
}

/// A member of a structure as the C headers call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name in C, a path where it lies in a union.
    pub name: &'static str,
    /// The distance from the structure's first byte, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// A constant of the C headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Its header name.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
}

/// Defines a structure, its [`Field`]s, its assertions and its row of the table.
///
/// A member is `name: type = [offset] CONSTANT "NameInC"`; one without the part from `=` on is padding. A block
/// `views { CONSTANT: type = [offset] "Path.In.C"; }` may follow, naming members of unions.
macro_rules! nt_struct {
    (
        $(#[$meta:meta])*
        $name:ident = $nt:literal, $size:literal {
            $($(#[$member_meta:meta])* $member:ident: $type:ty $(= [$offset:literal] $field:ident $c:literal)?,)*
        }
        $(views { $($(#[$view_meta:meta])* $view:ident: $view_type:ty = [$view_offset:literal] $view_c:literal;)* })?
    ) => {
        $(#[$meta])*
        #[doc = ""]
        #[doc = concat!("NT name: `", $nt, "`.")]
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq,
            zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout,
        )]
        #[repr(C)]
        pub struct $name {
            $($(#[$member_meta])* pub $member: $type,)*
        }

        impl $name {
            /// The size in bytes.
            pub const SIZE: u64 = $size;

            $($(
                #[doc = concat!("Where `", $c, "` lies.")]
                pub const $field: $crate::Field<$type> = $crate::Field::at($offset);
            )?)*

            $($($(#[$view_meta])* pub const $view: $crate::Field<$view_type> = $crate::Field::at($view_offset);)*)?

            pub(crate) const LAYOUT: $crate::Structure = $crate::Structure {
                name: $nt,
                size: Self::SIZE,
                members: &[
                    $($($crate::Member {
                        name: $c,
                        offset: Self::$field.offset(),
                        size: Self::$field.size(),
                    },)?)*
                    $($($crate::Member {
                        name: $view_c,
                        offset: Self::$view.offset(),
                        size: Self::$view.size(),
                    },)*)?
                ],
            };
        }

        const _: () = {
            assert!(size_of::<$name>() == $size, concat!("the size of ", $nt));
            $($(assert!(core::mem::offset_of!($name, $member) == $offset, concat!("the offset of ", $c));)?)*
        };
    };
}

/// Defines constants of the headers and the table for their comparison.
///
/// The header name is the constant's own, or the one given after the value.
macro_rules! nt_constants {
    ($($(#[$meta:meta])* $name:ident: $type:ty = $value:expr $(, $c:literal)?;)*) => {
        $(
            $(#[$meta])*
            $(#[doc = ""] #[doc = concat!("NT name: `", $c, "`.")])?
            pub const $name: $type = $value;
        )*

        pub(crate) const CONSTANTS: &[$crate::Constant] = &[
            $($crate::Constant { name: [$($c,)? stringify!($name)][0], value: $name as u64 },)*
        ];
    };
}

pub(crate) use {nt_constants, nt_struct};
