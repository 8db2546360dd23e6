import time
from sqlalchemy import text
from coppermind_pipeline.sync.walks import Walk, absent_ids
from coppermind_pipeline.object_types import ObjectType
from coppermind_pipeline_tests.stored_portal import StoredPortal
def test_plan(database, local_customer):
    p=StoredPortal.create(database, local_customer)
    ids={"connector":p.connector_id,"mind":p.mind_id}
    with database.mind(p.mind_id) as c:
        c.execute(text("""INSERT INTO hubspot_crm_objects (connector_id,mind_id,object_type,hubspot_id,properties,read_at)
          SELECT :connector,:mind,'contacts',(1000+g)::text,'{}',now() FROM generate_series(1,300000) g"""), ids)
        c.execute(text("""INSERT INTO hubspot_walked_pages (connector_id,mind_id,object_type,page,hubspot_ids)
          SELECT :connector,:mind,'contacts',pg,array_agg((1000+pg*100+k)::text) FROM generate_series(0,2998) pg, generate_series(1,100) k GROUP BY pg"""), ids)
    for _ in range(2):
        with database.mind(p.mind_id) as c:
            t=time.perf_counter(); got=absent_ids(c, ids, Walk(ObjectType.CONTACTS,'absent',None,0), most=1000); print("ABSENT", len(got), time.perf_counter()-t)
        with database.owner() as c: c.execute(text("ANALYZE"))
