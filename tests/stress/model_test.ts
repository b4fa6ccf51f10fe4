/** Larger models of the protocols than the gate has time for. */
import "../sync/barrier_model_test.ts?large";
import "../sync/condition_model_test.ts?large";
import "../sync/event_model_test.ts?large";
import "../sync/mutex_model_test.ts?large";
import "../sync/participants_model_test.ts?large";
import "../sync/rw_lock_model_test.ts?large";
import "../sync/semaphore_model_test.ts?large";
