//! Numbers of any type, for durations and quantities.

/// A number of any integer or floating-point type. It is taken where the type does not matter.
pub trait Number: Copy + sealed::Exact {
    /// The nearest `f64`.
    fn as_f64(self) -> f64;
}

pub(crate) mod sealed {
    pub trait Exact {
        /// The number, if its type is an integer type.
        fn integer(self) -> Option<i128>;
    }
}

macro_rules! numbers {
    ($integer:expr; $($number:ty),*) => {
        $(
            impl sealed::Exact for $number {
                fn integer(self) -> Option<i128> {
                    $integer.then_some(self as i128)
                }
            }

            impl Number for $number {
                fn as_f64(self) -> f64 {
                    self as f64
                }
            }
        )*
    };
}

numbers!(true; u8, u16, u32, u64, usize, i8, i16, i32, i64, i128, isize);
numbers!(false; f32, f64);
