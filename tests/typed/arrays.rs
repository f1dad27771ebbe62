//! Views and copies of the `ndarray` crate.

use super::*;
use ndarray::{Array, ArrayD, Dimension, IxDyn, array};

#[test]
fn views_have_the_strides_of_the_segment() {
    let scratch = Scratch::new("typed.fortran");
    let spec = Spec { strides: Some(&[8, 16]), ..Spec::of::<f64>(&[2, 3]) };
    let mut draft = Draft::create(&scratch.0, &spec).unwrap();
    assert_eq!(draft.as_array_mut::<f32>().unwrap_err(), Error::DTypeDiffers);
    let want = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].into_dyn();
    draft.as_array_mut::<f64>().unwrap().assign(&want);
    let made = draft.publish().unwrap();
    // SAFETY: nobody writes the data.
    let view = unsafe { made.as_array::<f64>() }.unwrap();
    assert_eq!((view.strides(), &view), (&[1, 2][..], &want.view()));
    assert_eq!(made.to_array::<f64>().unwrap(), want);
    assert_eq!(made.to_vec::<f64>().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    // SAFETY: as above.
    assert_eq!(unsafe { made.as_array::<i64>() }, Err(Error::DTypeDiffers));
}

#[test]
fn broadcast_arrays_are_for_reading_only() {
    let scratch = Scratch::new("typed.repeat");
    let spec = Spec { strides: Some(&[0, 4]), ..Spec::of::<i32>(&[3, 2]) };
    let mut draft = Draft::create(&scratch.0, &spec).unwrap();
    assert_eq!(draft.as_array_mut::<i32>().unwrap_err(), Error::Argument);
    draft.data_mut().copy_from_slice(bytemuck::bytes_of(&[1_i32, 2]));
    let made = draft.publish().unwrap();
    // SAFETY: nobody writes the data.
    let view = unsafe { made.as_array::<i32>() }.unwrap();
    assert_eq!(view, array![[1, 2], [1, 2], [1, 2]].into_dyn());
}

#[test]
fn steps_between_elements_are_copied_only() {
    let scratch = Scratch::new("typed.step");
    let spec = Spec { strides: Some(&[6]), ..Spec::of::<i32>(&[3]) };
    let mut draft = Draft::create(&scratch.0, &spec).unwrap();
    assert_eq!(draft.as_array_mut::<i32>().unwrap_err(), Error::Argument);
    draft.data_mut().copy_from_slice(&[1, 0, 0, 0, 9, 9, 2, 0, 0, 0, 9, 9, 3, 0, 0, 0]);
    let made = draft.publish().unwrap();
    // SAFETY: nobody writes the data.
    assert_eq!(unsafe { made.as_array::<i32>() }, Err(Error::Argument));
    let want = [1, 2, 3].map(|n: i32| i32::from_le(n));
    assert_eq!(made.to_array::<i32>().unwrap(), Array::from_iter(want).into_dyn());
}

#[test]
fn a_step_that_nobody_takes_may_be_any() {
    let scratch = Scratch::new("typed.one");
    let spec = Spec { strides: Some(&[-7, 8]), ..Spec::of::<f64>(&[1, 2]) };
    let mut draft = Draft::create(&scratch.0, &spec).unwrap();
    draft.as_array_mut().unwrap().assign(&array![[1.0, 2.0]]);
    let made = draft.publish().unwrap();
    // SAFETY: nobody writes the data.
    assert_eq!(unsafe { made.as_array() }, Ok(array![[1.0, 2.0]].into_dyn().view()));
}

#[test]
fn random_views_are_what_the_copies_are() {
    let mut numbers = Numbers(11);
    for _ in 0..60 {
        let scratch = Scratch::new("typed.views");
        let (shape, strides) = numbers.extent(8);
        let spec = Spec { strides: Some(&strides), ..Spec::of::<u64>(&shape) };
        let mut draft = Draft::create(&scratch.0, &spec).unwrap();
        let data = numbers.bytes(draft.data_len());
        draft.data_mut().copy_from_slice(&data);
        let made = draft.publish().unwrap();
        let copy = made.to_array::<u64>().unwrap();
        let steps = shape.iter().zip(&strides).all(|(&n, step)| n == 1 || step % 8 == 0);
        // SAFETY: nobody writes the data.
        let view = unsafe { made.as_array::<u64>() };
        if steps || copy.is_empty() {
            assert_eq!(view, Ok(copy.view()), "{shape:?} {strides:?}");
        } else {
            assert_eq!(view, Err(Error::Argument), "{shape:?} {strides:?}");
        }
    }
}

#[test]
fn arrays_become_segments() {
    for shape in [&[][..], &[4], &[2, 0], &[2, 3, 4]] {
        let scratch = Scratch::new("typed.from");
        let array = ArrayD::from_shape_fn(IxDyn(shape), |at| {
            at.slice().iter().fold(1_u32, |n, &i| n * 10 + i as u32)
        });
        let made = Draft::from_array(&scratch.0, &array).unwrap().publish().unwrap();
        assert_eq!(made.to_array::<u32>().unwrap(), array);
        let scratch = Scratch::new("typed.from");
        let turned = array.reversed_axes();
        let made = Draft::from_array(&scratch.0, &turned).unwrap().publish().unwrap();
        assert_eq!(made.to_array::<u32>().unwrap(), turned);
    }
}
