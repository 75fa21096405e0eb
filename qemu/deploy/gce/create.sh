#!/bin/sh
# Makes an image of fathom-gce.tar.gz on Google Compute Engine and starts an instance of it:
# sh create.sh gs://BUCKET ZONE
set -eu

bucket=${1:?the bucket for the archive, gs://…}
zone=${2:?the zone for the instance}
gcloud storage cp "${IMAGE:-dist/fathom-gce.tar.gz}" "$bucket/fathom-gce.tar.gz"
gcloud compute images create fathom --source-uri="$bucket/fathom-gce.tar.gz" --guest-os-features=UEFI_COMPATIBLE
# Of the network devices that there are the service drives this one.
gcloud compute instances create fathom --zone="$zone" --machine-type=e2-micro --image=fathom \
    --network-interface=network=default,nic-type=VIRTIO_NET --tags=fathom --no-service-account --no-scopes
gcloud compute firewall-rules create fathom --allow=udp:9000 --target-tags=fathom
gcloud compute instances get-serial-port-output fathom --zone="$zone"
