//! Schemas that hold something are brought up to date.

use super::empty_store;

#[tokio::test]
async fn whoever_had_imported_records_is_brought_up_to_date() {
    let store = empty_store().await;
    // Before contents were set aside.
    store.migrate_to(15).await;
    store
        .execute(
            "INSERT INTO learner.imported (tenant, record_id, content_hash, record)
             SELECT tenant, gen_random_uuid(), sha256(tenant::bytea || n::text::bytea), '{}'
             FROM unnest(ARRAY['one', 'other']) AS tenant, generate_series(1, 3) AS n",
        )
        .await;
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
}
