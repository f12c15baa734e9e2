//! The executive's routines for secure pool.

#![expect(non_snake_case, reason = "routines have their NT names")]

use crate::call::Call;
use crate::memory;
use crate::secure::Named;
use crate::session::Session;
use crate::stop::Answer;
use ntpool_abi::{
    POOL_CREATE_FLG_SECURE_POOL, POOL_CREATE_FLG_USE_GLOBAL_POOL, POOL_CREATE_PARAMS_VERSION,
    PoolCreateParameters,
};
use ntpool_machine::Fault;
use ntpool_types::{NtStatus, VirtualAddress};

fn answer(status: NtStatus) -> Answer {
    Ok(u64::from(status.0))
}

/// Handle, tag, address and cookie, as two routines take them.
fn named(call: &Call<'_>) -> Result<Named, Fault> {
    Ok(Named {
        pool: call.argument(0)?,
        tag: call.tag(1)?,
        address: call.address(2)?,
        cookie: call.argument(3)?,
    })
}

/// Only secure pools can be made; whether one is part of the system's pool makes no difference here.
pub(super) fn ExCreatePool(session: &Session, call: &Call<'_>) -> Answer {
    let flags = call.u32(0)?;
    if flags & !POOL_CREATE_FLG_USE_GLOBAL_POOL != POOL_CREATE_FLG_SECURE_POOL {
        return answer(NtStatus::INVALID_PARAMETER_1);
    }
    let parameters = call.address(2)?;
    if parameters != VirtualAddress::NULL {
        let parameters: PoolCreateParameters = memory::read(parameters)?;
        if parameters.version != POOL_CREATE_PARAMS_VERSION {
            return answer(NtStatus::INVALID_PARAMETER);
        }
        // A name is the only parameter there is, and secure pools have none.
        if parameters.count != 0 {
            return answer(NtStatus::INVALID_PARAMETER_3);
        }
    }
    let handle = session.secure.borrow_mut().create();
    memory::write(call.address(3)?, handle)?;
    answer(NtStatus::SUCCESS)
}

pub(super) fn ExDestroyPool(session: &Session, call: &Call<'_>) -> Answer {
    session.destroy_secure_pool(call, call.argument(0)?);
    Ok(0)
}

pub(super) fn ExSecurePoolUpdate(session: &Session, call: &Call<'_>) -> Answer {
    let (offset, size, source) = (call.size(4)?, call.size(5)?, call.address(6)?);
    answer(session.update_secure(&named(call)?, offset, size, source)?)
}

pub(super) fn ExSecurePoolValidate(session: &Session, call: &Call<'_>) -> Answer {
    let named = named(call)?;
    Ok(u64::from(session.secure.borrow().is_valid(&named)))
}
