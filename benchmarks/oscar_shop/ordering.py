"""What django-oscar does behind its pages: a basket is priced with every offer, an order is placed. Without a page.

As little around it as can be: no session, no template, no form.
"""

from django.http import JsonResponse
from oscar.core.loading import get_class, get_model

Basket = get_model("basket", "Basket")
Product = get_model("catalogue", "Product")
Applicator = get_class("offer.applicator", "Applicator")
NoShippingRequired = get_class("shipping.methods", "NoShippingRequired")
OrderCreator = get_class("order.utils", "OrderCreator")
OrderTotalCalculator = get_class("checkout.calculators", "OrderTotalCalculator")
Selector = get_class("partner.strategy", "Selector")


def price(request, number):
    """Answer with what a basket costs."""
    basket = Basket.objects.get(pk=number)
    basket.strategy = Selector().strategy(request=request)
    Applicator().apply(basket, request=request)
    return JsonResponse({"total": str(basket.total_incl_tax), "lines": basket.num_lines})


def order(request):
    """Fill a basket with ``products``, price it, and place its order."""
    basket = Basket.objects.create()
    basket.strategy = Selector().strategy(request=request)
    for product in Product.objects.filter(upc__in=request.GET["products"].split(",")):
        basket.add_product(product, 1)
    Applicator().apply(basket, request=request)
    shipping = NoShippingRequired()
    charge = shipping.calculate(basket)
    total = OrderTotalCalculator(request).calculate(basket, charge)
    placed = OrderCreator().place_order(basket, total, shipping, charge, request=request)
    basket.submit()
    return JsonResponse({"order": placed.number, "total": str(placed.total_incl_tax)})
